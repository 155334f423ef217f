"""The second step of signing in: authenticator app, passkeys, recovery codes.

allauth.mfa does the work; here is how its secrets are sealed and how a person's methods are told.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from qrcode.main import QRCode

from usermgmt import audit
from usermgmt.models import Action, User
from usermgmt.sessions import end_sessions

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Passkey:
    id: int
    name: str
    signs_in_alone: bool  # without a password
    added_at: dt.datetime
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Methods:
    """What a person can sign in with beside a password."""

    authenticator_since: dt.datetime | None
    passkeys: tuple[Passkey, ...]
    recovery_codes_left: int | None  # None: there are none to begin with

    @property
    def is_on(self) -> bool:
        return self.authenticator_since is not None or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of `size` modules; `path` draws the dark ones, in SVG's language."""

    size: int
    path: str


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": gettext_lazy("This code is not right, or was used already."),
    }

    def encrypt(self, text: str) -> str:
        """Secrets are stored sealed with a key made from SECRET_KEY: the database alone gives no code away."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; one that nobody knows, if it was sealed with another SECRET_KEY: then no code is right."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.error("second_factor_sealed_with_another_key")  # a trace would add nothing
            return str(generate_totp_secret())

    def get_totp_issuer(self) -> str:
        return str(settings.WORKSPACE_NAME)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Passkeys belong to the configured address, whatever the Host header says."""
        return {"id": urlsplit(settings.BASE_URL).hostname or "", "name": settings.WORKSPACE_NAME}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002  # allauth's word
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey {number}").format(number=number)


def _box() -> Fernet:
    key = hashlib.sha256(b"panta.second-factor\x00" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def methods_of(user: User) -> Methods:
    """One query."""
    since, passkeys, left = None, [], None
    for row in Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk"):
        if row.type == Authenticator.Type.TOTP:
            since = row.created_at
        elif row.type == Authenticator.Type.RECOVERY_CODES:
            left = len(row.wrap().get_unused_codes())
        else:
            passkeys.append(_passkey(row))
    return Methods(since, tuple(passkeys), left)


@transaction.atomic
def reset(actor: User, user_id: int) -> User | None:
    """Takes away somebody's authenticator app, passkeys and recovery codes, for who has lost them, and ends their
    sessions: the password opens the next one, and they set up a second step anew. The person; None where there was
    nothing to take away. Raises User.DoesNotExist.
    """
    user = User.objects.select_for_update().get(pk=user_id, erased_at__isnull=True)
    deleted, _tables = Authenticator.objects.filter(user_id=user.pk).delete()
    if not deleted:
        return None
    end_sessions([user.pk])
    audit.record(actor, Action.EDITED, person=user, before={"second_step": "on"}, after={"second_step": "off"})
    return user


def _passkey(row: Authenticator) -> Passkey:
    key = row.wrap()
    return Passkey(row.pk, key.name, bool(key.is_passwordless), row.created_at, row.last_used_at)


def qr_code(text: str) -> QrCode:
    """The square that a camera reads `text` from, with the quiet zone around it."""
    code: QRCode[object] = QRCode(border=4)
    code.add_data(text)
    matrix = code.get_matrix()
    dark = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, is_dark in enumerate(row) if is_dark]
    return QrCode(len(matrix), "".join(dark))
