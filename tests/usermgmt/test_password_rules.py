"""A password that is the person's own name or address is refused, in words of the reader's language."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import override

from usermgmt.models import User


@pytest.mark.parametrize("password", ["grace.hopper@example.com", "Grace Hopper"])
def test_name_and_address_are_no_password(password: str) -> None:
    grace = User(email="grace.hopper@example.com", name="Grace Hopper")
    for language, sentence in (
        ("en", "The password is too similar to the name or the email address."),
        ("de", "Das Passwort ähnelt zu sehr dem Namen oder der E-Mail-Adresse."),
    ):
        with override(language), pytest.raises(ValidationError) as refused:
            validate_password(password, grace)
        assert refused.value.messages == [sentence]


def test_other_people_may_have_it() -> None:
    validate_password("Grace Hopper!", User(email="ada@example.com", name="Ada Lovelace"))
