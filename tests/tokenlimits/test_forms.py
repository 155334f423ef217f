"""What may be typed into the forms of limits, and what is said about the rest."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenlimits.limits import ann, sales
from tests.usermgmt import people
from tokenlimits.forms import LimitForm, OverrideForm, RulesForm, parse_tokens
from tokenlimits.models import Scope
from usermgmt.models import Team

TODAY = dt.date(2026, 3, 15)
GOOD = {"scope": "workspace", "period": "month", "tokens": "100", "enforcement": "hard", "thresholds": "50, 80, 100"}


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("1", 1),
        (" 2500000 ", 2_500_000),
        ("2,500,000", 2_500_000),
        ("2.500.000", 2_500_000),
        ("2 500 000", 2_500_000),
        ("2\N{NARROW NO-BREAK SPACE}500\N{NARROW NO-BREAK SPACE}000", 2_500_000),
        ("2'500'000", 2_500_000),
        ("2.5 M", 2_500_000),
        ("2,5m", 2_500_000),
        ("10 K", 10_000),
        ("1.25B", 1_250_000_000),
        ("3 t", 3 * 10**12),
        ("20 Tsd.", 20_000),
        ("2,5 Mio.", 2_500_000),
        ("5 mio", 5_000_000),
        ("1,25 Mrd", 1_250_000_000),
        ("3 Bio.", 3 * 10**12),
        ("0", 0),
        ("1,234", 1_234),
    ],
)
def test_tokens_are_understood_as_people_write_them(text: str, tokens: int) -> None:
    assert parse_tokens(text) == tokens


@pytest.mark.parametrize(
    "text",
    ["", "many", "-5", "+5", "1e6", "0x10", "1.5", "1,5", "1.234 K", "1,23,456", "12,34", "1.000,000", "5 MM", "5 Mi",
     "²", "٣", "NaN", "inf", "1_000", "5%", "1.0005 K", "1 2", "\x00", "5; DROP TABLE"],
)  # fmt: skip
def test_what_is_no_whole_number_of_tokens_is_none(text: str) -> None:
    assert parse_tokens(text) is None


@given(st.integers(0, 10**16))
def test_every_number_is_read_back_from_how_it_is_shown(number: int) -> None:
    assert parse_tokens(str(number)) == parse_tokens(f"{number:,}") == number


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert parse_tokens(text) is None or parse_tokens(text) >= 0  # type: ignore[operator]


def errors(**said: str) -> dict[str, list[str]]:
    teams = list(Team.objects.all()) if said.get("scope") == "team" else []
    form = LimitForm(GOOD | said, teams=teams, models=["gpt-5"])
    return {} if form.is_valid() else {name: [str(e) for e in found] for name, found in form.errors.items()}


@pytest.mark.parametrize(
    "tokens, sentence",
    [
        ("0", "at least 1"),
        ("1001 T", "at most 1,000 T"),
        ("9" * 40, "at most 1,000 T"),
        ("9" * 41, "at most 40 characters"),
        ("-1", "whole number"),
        ("ten", "whole number"),
        ("1.5", "whole number"),
        ("", "required"),
    ],
)
def test_a_bad_number_is_told_at_its_field(tokens: str, sentence: str) -> None:
    found = errors(tokens=tokens)
    assert found.keys() == {"tokens"}
    assert sentence in found["tokens"][0]


@pytest.mark.parametrize("text", ["0", "101", "50, abc", "-5", "1.5", "1000", "10 20 30 40 50 60 70"])
def test_bad_thresholds_are_told_at_their_field(text: str) -> None:
    assert errors(thresholds=text).keys() == {"thresholds"}


def test_thresholds_are_put_in_order_each_once_and_none_is_allowed() -> None:
    for text, expected in (("100; 50 %, 50", (50, 100)), ("", ()), ("80", (80,))):
        form = RulesForm(GOOD | {"thresholds": text})
        assert form.is_valid()
        assert form.rules.thresholds == expected


@pytest.mark.parametrize("name", ["scope", "period", "enforcement"])
def test_choices_are_those_that_there_are(name: str) -> None:
    assert name in errors(**{name: "year"})
    assert name in errors(**{name: ""})


@pytest.mark.parametrize("scope", ["team", "person", "model"])
@pytest.mark.django_db
def test_each_kind_needs_its_target(scope: str) -> None:
    assert errors(scope=scope).keys() == {scope}


@pytest.mark.django_db
def test_unknown_names_are_told_in_place() -> None:
    assert errors(scope="team", team="987654321") == {"team": ["There is no such team any more."]}
    assert errors(scope="team", team="'; --") == {"team": ["There is no such team any more."]}
    assert errors(scope="person", person="nobody@example.com") == {
        "person": ["Nobody here is called “nobody@example.com”."]
    }
    assert errors(scope="model", model="gpt5") == {"model": ["No usage names a model “gpt5”. Check the spelling."]}


def test_a_model_that_nobody_has_used_can_be_limited_on_purpose() -> None:
    assert errors(scope="model", model="gpt5", unused_model="on") == {}
    assert errors(scope="model", model="\x1bgpt5", unused_model="on").keys() == {"model"}
    assert errors(scope="model", model="x" * 201, unused_model="on").keys() == {"model"}


@pytest.mark.django_db
def test_a_person_is_found_by_address_id_or_whole_name() -> None:
    person = ann()
    people.person("Two")
    people.person("two")
    for text in ("ann@example.com", " ANN@example.com ", "ann", "Ann", "aNN"):
        form = LimitForm(GOOD | {"scope": "person", "person": text}, teams=[], models=[])
        assert form.is_valid(), text
        assert form.limit.person == person
    assert errors(scope="person", person="Two") == {
        "person": ["More than one person is called “Two”. Say their email."]
    }
    assert errors(scope="person", person="a\x00b").keys() == {"person"}


@pytest.mark.django_db
def test_who_was_removed_cannot_be_limited_anew() -> None:
    ann(status="deleted")
    assert errors(scope="person", person="ann").keys() == {"person"}


@pytest.mark.django_db
def test_what_stands_in_the_fields_of_other_kinds_is_left_out() -> None:
    team = sales()
    said = GOOD | {"scope": "team", "team": str(team.pk), "person": "nobody", "model": "nothing"}
    form = LimitForm(said, teams=[team], models=[])
    assert form.is_valid()
    made = form.limit
    assert (made.scope, made.team, made.person, made.model) == (Scope.TEAM, team, None, "")


# --- Raising for a time -------------------------------------------------------------------------------------------


def override_errors(**said: str) -> set[str]:
    good = {"tokens": "200", "ends_on": "2026-03-20", "reason": "Why"}
    return set(OverrideForm(good | said, allowed=100, today=TODAY).errors)


@pytest.mark.parametrize(
    "said, wrong",
    [
        ({}, set()),
        ({"ends_on": "2026-03-15"}, set()),
        ({"ends_on": "2026-03-14"}, {"ends_on"}),
        ({"ends_on": "2027-03-16"}, set()),
        ({"ends_on": "2027-03-17"}, {"ends_on"}),
        ({"ends_on": "20.3.2026"}, {"ends_on"}),
        ({"ends_on": "2026-02-30"}, {"ends_on"}),
        ({"ends_on": ""}, {"ends_on"}),
        ({"tokens": "100"}, {"tokens"}),
        ({"tokens": "101"}, set()),
        ({"tokens": "much"}, {"tokens"}),
        ({"reason": ""}, {"reason"}),
        ({"reason": "   "}, {"reason"}),
        ({"reason": "x" * 301}, {"reason"}),
        ({"reason": "a\x1bb"}, {"reason"}),
    ],
)
def test_what_may_be_said_to_raise_a_limit(said: dict[str, str], wrong: set[str]) -> None:
    assert override_errors(**said) == wrong
