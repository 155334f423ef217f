"""Who may open which URL: the literal list of everything that is not for administrators alone.

In: a path. Out: its `Access`. A route that is not named here is for administrators, so a new URL is closed until
somebody opens it on purpose. Static files are served before anybody asks (WhiteNoise).
"""

from __future__ import annotations

from enum import Enum

from django.urls import Resolver404, resolve


class Access(Enum):
    PUBLIC = "public"  # anybody
    KEY = "key"  # whoever sends a key, which the endpoint itself checks; sessions count for nothing there
    SIGNED_IN = "signed in"  # every active person
    ADMINISTRATOR = "administrator"  # active administrators; also every address that does not exist


# Routes as the resolver spells them.
PUBLIC = frozenset(
    {
        "api/v1/openapi.json",
        "api/docs/",
        "api/<path:rest>",  # "there is nothing here", for programs
        "v1/<path:rest>",
        "health/live",
        "health/ready",
        "accounts/login/",
        "accounts/second-step/",
        "accounts/second-step/cancel/",
        "accounts/passkey/",
        "accounts/passkey/options/",
        "accounts/sign-on/",
        "accounts/sign-on/callback/",
        "accounts/inactive/",
        "accounts/password/reset/",
        "accounts/password/reset/done/",
        "accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        "accounts/password/reset/key/done/",
        "invitation/<str:secret>/",
    }
)
KEY = frozenset(
    {
        "api/v1/events",
        "api/v1/litellm",
        "v1/traces",
        "api/v1/limits/check",
        "api/v1/usage",
        "metrics",
    }
)
SIGNED_IN = frozenset(
    {
        "",
        "accounts/logout/",
        "accounts/reauthenticate/",
        "accounts/reauthenticate/code/",
        "accounts/reauthenticate/passkey/",
        "profile/",
        "profile/theme/",
        "profile/language/",
        "profile/security/",
        "profile/security/password/",
        "profile/security/sessions/end/",
        "profile/security/sign-on/connect/",
        "profile/security/sign-on/disconnect/",
        "profile/security/authenticator/",
        "profile/security/authenticator/remove/",
        "profile/security/recovery-codes/",
        "profile/security/recovery-codes/new/",
        "profile/security/recovery-codes/file/",
        "profile/security/passkeys/add/",
        "profile/security/passkeys/<int:pk>/rename/",
        "profile/security/passkeys/<int:pk>/remove/",
    }
)


def access_of(path: str) -> Access:
    """The access of the route behind `path`; an address that only lacks its last slash has that of its route."""
    route = _route(path)
    if route is None and not path.endswith("/"):
        route = _route(f"{path}/")
    if route in PUBLIC:
        return Access.PUBLIC
    if route in KEY:
        return Access.KEY
    if route in SIGNED_IN:
        return Access.SIGNED_IN
    return Access.ADMINISTRATOR


def _route(path: str) -> str | None:
    try:
        return resolve(path).route
    except Resolver404:
        return None
