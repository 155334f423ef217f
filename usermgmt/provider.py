"""The OpenID Connect provider of the settings, as allauth finds it (a module `provider` of an installed app).

A person is known by issuer and `sub` together, as the standard says; addresses and names are not looked at.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

_LONGEST_SUB = 191  # what allauth's column takes; real ones have 20 to 64 characters
_LABELS = ("email", "preferred_username", "name")


class SignOnAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    def get_callback_url(self, request: HttpRequest, app: object) -> str:
        """On the configured address: the Host header is whatever a client sent."""
        return f"{settings.BASE_URL.rstrip('/')}{reverse('sign_on_callback')}"


class SignOnProvider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    id = "sign_on"
    oauth2_adapter_class = SignOnAdapter

    def extract_uid(self, data: dict[str, Any]) -> str:
        sub = _claims(data).get("sub")
        if not isinstance(sub, str) or not 0 < len(sub) <= _LONGEST_SUB:
            raise ProviderException(f"unusable sub: {sub!r}")
        return sub

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """One word by which the person recognises the account; nothing else is stored."""
        claims = _claims(data)
        found = (claims[name] for name in _LABELS if isinstance(claims.get(name), str))
        return {"label": next(found, "")[:200]}

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        return {}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]:
        return []


def _claims(data: dict[str, Any]) -> dict[str, Any]:
    claims = data.get("id_token")
    if not isinstance(claims, dict):
        raise ProviderException("no id_token")
    return claims


provider_classes = [SignOnProvider]
