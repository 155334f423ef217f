"""The two people of the demo who can sign in.

Their passwords follow from the installation's secret, so that they can be shown again at any time without being kept,
and differ from one installation to the next: a demo on the open network is not open to everybody.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from django.conf import settings

from analytics.management.demo.settle import SIGN_IN_NAMES, Mark
from usermgmt.models import User


@dataclass(frozen=True, slots=True)
class SignIn:
    role: str
    email: str
    password: str


def sign_ins(mark: Mark) -> list[SignIn]:
    """Administrator first, whether stored or not."""
    emails = [(name, f"{name}@{mark.domain}") for name in SIGN_IN_NAMES.values()]
    return [SignIn(name, email, password_of(email)) for name, email in emails]


def password_of(email: str) -> str:
    """Sixteen letters and digits in four groups."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"demo sign-in of {email}".encode(), "sha256")
    letters = base64.b32encode(digest).decode().lower()[:16]
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def open_doors(mark: Mark) -> None:
    """Gives the stored two their passwords."""
    for sign_in in sign_ins(mark):
        person = User.objects.get(email=sign_in.email)
        person.set_password(sign_in.password)
        person.save(update_fields=["password", "updated_at"])


def valid(mark: Mark) -> list[SignIn]:
    """Those that still work: stored, active, and their password not changed since."""
    people = {person.email: person for person in User.objects.filter(email__in=[s.email for s in sign_ins(mark)])}
    return [
        sign_in
        for sign_in in sign_ins(mark)
        if (person := people.get(sign_in.email)) and person.is_active and person.check_password(sign_in.password)
    ]
