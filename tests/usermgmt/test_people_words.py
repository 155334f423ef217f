"""How the pages on people write addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import NOW, Actor
from tests.usermgmt.people import person
from usermgmt.models import Status
from usermgmt.templatetags.people import address


@pytest.mark.parametrize(
    "email, written",
    [
        ("anna.von-berg+x@mail.example", "anna.<wbr>von-<wbr>berg+<wbr>x@<wbr>mail.<wbr>example<wbr>"),
        ("anna", "anna<wbr>"),
        ("..@", ".<wbr>.<wbr>@<wbr>"),
        ("<b>&@x", "&lt;b&gt;&amp;@<wbr>x<wbr>"),
        ("", ""),
    ],
)
def test_an_address_may_end_its_line_behind_punctuation(email: str, written: str) -> None:
    assert address(email) == written


@pytest.mark.django_db
@pytest.mark.parametrize(
    "tab, fields",
    [
        ("active", {}),
        ("pending", {"status": Status.PENDING, "invited_at": NOW}),
        ("deleted", {"status": Status.DELETED, "deleted_at": NOW}),
    ],
)
def test_a_name_in_the_list_leads_to_the_person(administrator: Actor, tab: str, fields: dict[str, Any]) -> None:
    anna = person("Anna", email="anna@mail.example", **fields)
    page = administrator.get("/admin/users/", {"tab": tab, "q": "anna"}).content.decode()
    assert f'<p class="who__name"><a href="/admin/users/{anna.pk}/">Anna</a></p>' in page
    assert '<p class="who__email">anna@<wbr>mail.<wbr>example<wbr></p>' in page
