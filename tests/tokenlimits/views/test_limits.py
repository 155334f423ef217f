"""Making, editing, removing and raising a limit on the page: what is typed stays, what is wrong is told in place."""

from __future__ import annotations

import datetime as dt

import pytest
from bs4 import BeautifulSoup, Tag
from django.http.response import HttpResponseBase

from tests.cast import NOW, Actor
from tests.tokenlimits.limits import ann, limit, override, sales, use
from tests.usermgmt import people
from tokenlimits import replay
from tokenlimits.models import LimitOverride, TokenLimit
from usermgmt.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]

NEW = "/admin/limits/new/"
TAB = "/admin/limits/"
GOOD = {"scope": "workspace", "period": "month", "tokens": "2.5 M", "enforcement": "hard", "thresholds": "50, 80, 100"}


def soup(response: HttpResponseBase) -> BeautifulSoup:
    return BeautifulSoup(response.content, "html.parser")  # type: ignore[attr-defined]


def text(found: Tag | BeautifulSoup | None) -> str:
    assert found is not None
    return " ".join(found.get_text(" ").replace("\N{NO-BREAK SPACE}", " ").split())


def errors(response: HttpResponseBase) -> list[str]:
    found = soup(response).select(".field__errors, .message--danger")
    return [text(each) for each in found]


def stays(response: HttpResponseBase, name: str) -> str:
    """What stands in the field after the answer."""
    field = soup(response).select_one(f'[name="{name}"]:not([type="radio"]), [name="{name}"][checked]')
    assert field is not None
    return str(field.get("value", ""))


def goes_back(response: HttpResponseBase) -> bool:
    return response.status_code == 302 and response["Location"] == TAB


# --- Making -------------------------------------------------------------------------------------------------------


def test_the_form_is_filled_in_by_the_link_that_leads_to_it(administrator: Actor) -> None:
    response = administrator.get(NEW, {"scope": "person", "period": "week", "person": "ann@example.com"})
    assert [stays(response, name) for name in ("scope", "period", "person")] == ["person", "week", "ann@example.com"]
    assert errors(response) == []


def test_a_limit_is_made_and_the_tab_says_so(administrator: Actor) -> None:
    response = administrator.post(NEW, GOOD, follow=True)
    assert response.redirect_chain == [(TAB, 302)]
    assert "Workspace, per month is limited now." in text(soup(response).select_one(".message--success"))
    made = TokenLimit.objects.get()
    assert (made.tokens, made.enforcement, made.thresholds) == (2_500_000, "hard", [50, 80, 100])
    assert AuditEntry.objects.get().actor_id == administrator.user.pk  # type: ignore[union-attr]


def test_each_kind_of_limit_can_be_made(administrator: Actor) -> None:
    person, team = ann(), sales()
    use(1, model="gpt-5")
    for target in (
        {"scope": "team", "team": str(team.pk)},
        {"scope": "person", "person": "ann@example.com"},
        {"scope": "model", "model": "gpt-5"},
        {"scope": "everybody"},
    ):
        assert goes_back(administrator.post(NEW, GOOD | target)), target
    made = TokenLimit.objects.order_by("pk")
    assert [(each.scope, each.team, each.person, each.model) for each in made] == [
        ("team", team, None, ""),
        ("person", None, person, ""),
        ("model", None, None, "gpt-5"),
        ("everybody", None, None, ""),
    ]


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"tokens": "0"}, "A limit is at least 1 token."),
        ({"tokens": "-3"}, "Write a whole number of tokens"),
        ({"tokens": "9999999 T"}, "A limit is at most"),
        ({"tokens": "lots"}, "Write a whole number of tokens"),
        ({"thresholds": "200"}, "Write percents between 1 and 100"),
        ({"scope": "person", "person": "nobody"}, "Nobody here is called “nobody”."),
        ({"scope": "model", "model": "gpt-6"}, "No usage names a model “gpt-6”."),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(
    administrator: Actor, wrong: dict[str, str], sentence: str
) -> None:
    said = GOOD | wrong
    response = administrator.post(NEW, said)
    assert response.status_code == 200
    (error,) = errors(response)
    assert sentence in error
    for name, value in said.items():
        assert stays(response, name) == value
    assert not TokenLimit.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_duplicate_is_told_on_the_form(administrator: Actor) -> None:
    limit(5)
    response = administrator.post(NEW, GOOD)
    assert errors(response) == [
        "There is a limit for the same tokens over the same period already. Edit that one instead."
    ]
    assert stays(response, "tokens") == "2.5 M"
    assert TokenLimit.objects.count() == 1


def test_an_unused_model_can_be_limited_once_it_was_pointed_out(administrator: Actor) -> None:
    said = GOOD | {"scope": "model", "model": "gpt-6"}
    assert soup(administrator.get(NEW)).select('[name="unused_model"]') == []
    response = administrator.post(NEW, said)
    assert len(soup(response).select('[name="unused_model"]')) == 1
    assert goes_back(administrator.post(NEW, said | {"unused_model": "on"}))


def test_only_what_the_form_names_can_be_posted(administrator: Actor) -> None:
    administrator.post(NEW, GOOD | {"id": "77", "removed_at": "2026-01-01", "created_at": "2000-01-01T00:00Z"})
    made = TokenLimit.objects.get()
    assert made.pk != 77
    assert made.removed_at is None
    assert made.created_at.year > 2000


# --- The effect -----------------------------------------------------------------------------------------------------


def test_the_effect_is_shown_and_nothing_is_written(administrator: Actor) -> None:
    ann()
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=2, user_id="ann")
    use(1, days_ago=2, user_id="bob")
    said = GOOD | {"tokens": "100", "preview": "1"}
    fragment = administrator.post(NEW, said, headers={"HX-Request": "true"})
    assert text(soup(fragment)).startswith(
        "Would have blocked 2 people in the last 30 days. 2 requests came after it was reached. "
        "Who asked after it was reached Ann 1 request bob 1 request "
        "When it was reached 1 Mar – 31 Mar 2026 reached on 6 Mar 2026, 10:30 2 requests 2 people "
        "Played again request by request, 14 Feb – 15 Mar 2026 (UTC)"
    )
    whole = administrator.post(NEW, said)
    assert text(soup(fragment)) in text(soup(whole).select_one("#effect"))
    assert stays(whole, "tokens") == "100"
    assert not TokenLimit.objects.exists()


def test_the_effect_on_every_person_names_them(administrator: Actor) -> None:
    person = ann()
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=8, user_id="ann")
    said = GOOD | {"scope": "everybody", "tokens": "100", "enforcement": "soft", "preview": "1"}
    shown = soup(administrator.post(NEW, said, headers={"HX-Request": "true"}))
    assert "Would have warned of 1 person in the last 30 days. 1 person would have reached it." in text(shown)
    assert "Ann 1 request" in text(shown)
    assert shown.select_one(f'a[href="/admin/users/{person.pk}/"]') is not None


def test_an_effect_that_is_a_lower_bound_says_so(administrator: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST_REQUESTS", 0)
    use(100, days_ago=9, user_id="ann")
    use(1, days_ago=2, user_id="bob")
    said = GOOD | {"tokens": "100", "preview": "1"}
    shown = text(soup(administrator.post(NEW, said, headers={"HX-Request": "true"})))
    assert shown.startswith(
        "Would have blocked at least 1 person in the last 30 days. 1 request came on days after it was reached. "
        "When it was reached 1 Mar – 31 Mar 2026 reached on Fri 6 Mar 2026 Played again from the sums of days"
    )


@pytest.mark.parametrize(
    "said, sentence",
    [
        ({"tokens": "999"}, "Would not have been reached in the last 30 days."),
        ({"tokens": ""}, "What is filled in is not complete yet."),
        ({"scope": "person", "person": ""}, "What is filled in is not complete yet."),
        (
            {"scope": "model", "model": "gpt-5", "tokens": "100"},
            "Would have been reached in the last 30 days, and held up nobody: no request came afterwards.",
        ),
    ],
)
def test_the_effect_of_what_does_little_or_is_not_complete(
    administrator: Actor, said: dict[str, str], sentence: str
) -> None:
    use(100, model="gpt-5")
    response = administrator.post(NEW, GOOD | said | {"preview": "1"}, headers={"HX-Request": "true"})
    assert text(soup(response)).startswith(sentence)


# --- Editing ------------------------------------------------------------------------------------------------------


def edit_url(made: TokenLimit) -> str:
    return f"/admin/limits/{made.pk}/edit/"


def opened(administrator: Actor, made: TokenLimit) -> dict[str, str]:
    """What the form stands at when it is opened."""
    response = administrator.get(edit_url(made))
    return {name: stays(response, name) for name in ("tokens", "enforcement", "thresholds", "version")}


def test_a_limit_is_edited(administrator: Actor) -> None:
    made = limit(1_500_000)
    use(300)
    form = opened(administrator, made)
    assert {**form, "version": ""} == {
        "tokens": "1,500,000", "enforcement": "hard", "thresholds": "50, 80, 100", "version": "",
    }  # fmt: skip
    assert goes_back(administrator.post(edit_url(made), form | {"tokens": "2 M", "enforcement": "soft"}))
    made.refresh_from_db()
    assert (made.tokens, made.enforcement) == (2_000_000, "soft")


def test_numbers_are_filled_in_and_read_as_german_writes_them(administrator: Actor) -> None:
    made = limit(2_500_000)
    german = {"Accept-Language": "de"}
    page = administrator.get(f"{TAB}{made.pk}/edit/", headers=german)
    said = {name: stays(page, name) for name in ("tokens", "enforcement", "thresholds", "version")}
    assert said["tokens"] == "2.500.000"
    assert goes_back(administrator.post(f"{TAB}{made.pk}/edit/", said | {"thresholds": "80"}, headers=german))
    made.refresh_from_db()
    assert (made.tokens, made.thresholds) == (2_500_000, [80])


def test_the_effect_of_an_edit_is_that_of_the_new_rules(administrator: Actor) -> None:
    made = limit(1000)
    use(100)
    said = opened(administrator, made) | {"tokens": "100", "preview": "1"}
    response = administrator.post(edit_url(made), said, headers={"HX-Request": "true"})
    assert "Would have been reached in the last 30 days, and held up nobody" in text(soup(response))
    assert TokenLimit.objects.get().tokens == 1000


def test_whose_tokens_and_which_period_cannot_be_edited(administrator: Actor) -> None:
    made = limit(1000)
    administrator.post(
        edit_url(made), opened(administrator, made) | {"scope": "model", "model": "x", "period": "day", "team": "1"}
    )
    made.refresh_from_db()
    assert (made.scope, made.model, made.period, made.team) == ("workspace", "", "month", None)


def test_who_is_overtaken_is_told_what_stands_now_and_what_they_typed(administrator: Actor) -> None:
    made = limit(100)
    first = opened(administrator, made)
    TokenLimit.objects.filter(pk=made.pk).update(tokens=777, updated_at=NOW + dt.timedelta(seconds=1))
    response = administrator.post(edit_url(made), first | {"tokens": "5 M"})
    assert response.status_code == 409
    said = text(soup(response).select_one(".message--warning"))
    assert "Somebody changed this limit" in said
    assert "5 M" in said
    assert stays(response, "tokens") == "777"
    made.refresh_from_db()
    assert made.tokens == 777


def test_a_form_without_the_version_it_was_opened_at_changes_nothing(administrator: Actor) -> None:
    made = limit(100)
    assert administrator.post(edit_url(made), GOOD).status_code == 409
    made.refresh_from_db()
    assert made.tokens == 100


def test_what_is_wrong_in_an_edit_is_told_in_place(administrator: Actor) -> None:
    made = limit(100)
    response = administrator.post(edit_url(made), opened(administrator, made) | {"tokens": "0"})
    assert errors(response) == ["A limit is at least 1 token."]
    assert stays(response, "tokens") == "0"


# --- Removing -----------------------------------------------------------------------------------------------------


def test_removing_says_what_it_means_first(administrator: Actor) -> None:
    made = limit(100)
    limit(5000, "day")
    use(100)
    said = text(soup(administrator.get(f"/admin/limits/{made.pk}/remove/")).select_one("form.sheet"))
    assert "100 of 100 tokens are used in the present period." in said
    assert "It blocks now: requests go on at once." in said
    assert "Another limit stays: Workspace, per day, 5,000 tokens." in said
    assert TokenLimit.objects.filter(removed_at__isnull=True).count() == 2


def test_a_limit_is_removed(administrator: Actor) -> None:
    made = limit(100)
    assert goes_back(administrator.post(f"/admin/limits/{made.pk}/remove/"))
    assert TokenLimit.objects.get().removed_at == NOW
    assert administrator.get(edit_url(made)).status_code == 404


# --- Raising for a time -------------------------------------------------------------------------------------------

RAISE = {"tokens": "500", "ends_on": "2026-03-20", "reason": "Workshop"}


def test_a_limit_is_raised_for_a_time_and_ended(administrator: Actor) -> None:
    made = limit(100)
    assert administrator.get(f"/admin/limits/{made.pk}/raise/").status_code == 200
    assert goes_back(administrator.post(f"/admin/limits/{made.pk}/raise/", RAISE))
    assert LimitOverride.objects.get().reason == "Workshop"
    assert goes_back(administrator.post(f"/admin/limits/{made.pk}/raise/end/"))
    assert LimitOverride.objects.get().ended_at == NOW


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"tokens": "100"}, "Raise it to more than the limit allows now."),
        ({"ends_on": "2026-03-14"}, "The last day has passed already."),
        ({"ends_on": "someday"}, "Enter a valid date."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_what_raises_nothing_is_told_in_place(administrator: Actor, wrong: dict[str, str], sentence: str) -> None:
    made = limit(100)
    response = administrator.post(f"/admin/limits/{made.pk}/raise/", RAISE | wrong)
    assert errors(response) == [sentence]
    for name, value in (RAISE | wrong).items():
        assert stays(response, name) == value
    assert not LimitOverride.objects.exists()


def test_a_second_override_is_told_on_the_form(administrator: Actor) -> None:
    made = override(limit(100), 300, ends_on=dt.date(2026, 3, 18)).limit
    response = administrator.post(f"/admin/limits/{made.pk}/raise/", RAISE)
    assert errors(response) == ["This limit is raised for a time already. End that first."]
    assert LimitOverride.objects.count() == 1


# --- Nobody else --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["edit", "remove", "raise", "raise/end"])
def test_a_member_and_a_stranger_can_do_nothing(member: Actor, stranger: Actor, step: str) -> None:
    made = override(limit(100), 200).limit
    url = f"/admin/limits/{made.pk}/{step}/"
    for actor, codes in ((member, {404}), (stranger, {302, 404})):
        for answer in (actor.get(url), actor.post(url, GOOD | RAISE)):
            assert answer.status_code in codes
    made.refresh_from_db()
    assert (made.tokens, made.removed_at) == (100, None)
    assert LimitOverride.objects.get().ended_at is None
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("step", ["edit", "remove", "raise", "raise/end"])
def test_a_limit_that_was_removed_is_not_found(administrator: Actor, step: str) -> None:
    made = limit(100, removed_at=NOW)
    assert administrator.post(f"/admin/limits/{made.pk}/{step}/", GOOD | RAISE).status_code == 404
    assert not AuditEntry.objects.exists()


def test_names_in_forms_are_text(administrator: Actor) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    made = limit(100, team=people.team(hostile))
    use(1, model=hostile)
    for url in (NEW, edit_url(made), f"/admin/limits/{made.pk}/remove/", f"/admin/limits/{made.pk}/raise/"):
        assert soup(administrator.get(url)).select("img[onerror]") == []
