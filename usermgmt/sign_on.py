"""Sign-on by OpenID Connect: who is let in, and connecting one's account to a person.

Nobody is linked by address. A person signs in with their password, connects the account on their Security page, and
from then on its `sub` opens their session. An account that is not connected opens nothing, and signs nobody up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from usermgmt.models import User

log = structlog.get_logger(__name__)
PROVIDER = "sign_on"


@dataclass(frozen=True, slots=True)
class Connection:
    """`label` is what the provider calls the account."""

    provider: str
    label: str


class SignOnAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """The one of the settings; the table of apps is not asked."""
        apps = [SocialApp(provider=PROVIDER, **app) for app in _apps()]
        return [app for app in apps if provider in (None, PROVIDER, app.provider_id)]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Decides everything here: allauth goes on only with an account that is connected already."""
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            raise ImmediateHttpResponse(_connect(request, sociallogin.account))
        if not sociallogin.is_existing:
            raise ImmediateHttpResponse(_turn_away(request))

    def on_authentication_error(self, request: HttpRequest, provider: Any, *_args: Any, **kwargs: Any) -> None:
        log.warning("sign_on_failed", error=str(kwargs.get("error")), exception=repr(kwargs.get("exception")))
        raise ImmediateHttpResponse(tell_trouble(request))


def name() -> str:
    """What the provider is called; "" without one."""
    apps = _apps()
    return str(apps[0]["name"]) if apps else ""


def connection_of(user: User) -> Connection | None:
    """The account of the present provider that signs this person in. One query; none without a provider."""
    account = _accounts(user).first() if name() else None
    return Connection(name(), account.extra_data.get("label", "")) if account else None


def disconnect(request: HttpRequest, user: User) -> None:
    """From now on the account opens nothing. The person keeps their password: without one, see `may_disconnect`."""
    deleted, _tables = _accounts(user).delete()
    if deleted:
        messages.success(request, _("The account is disconnected."))
        _tell_by_mail(request, user, "account_disconnected")


def may_disconnect(user: User) -> bool:
    """Nobody disconnects their only way in."""
    return user.has_usable_password()


def tell_trouble(request: HttpRequest) -> HttpResponseBase:
    """Back to where one came from, and what happened."""
    messages.error(request, _("%(provider)s did not let you in. Try again.") % {"provider": name()})
    return redirect("security" if request.user.is_authenticated else "account_login")


def _apps() -> list[dict[str, Any]]:
    providers: dict[str, Any] = settings.SOCIALACCOUNT_PROVIDERS
    return list(providers[PROVIDER]["APPS"])


def _accounts(user: User) -> Any:
    issuers = [app["provider_id"] for app in _apps()]
    return SocialAccount.objects.filter(user_id=user.pk, provider__in=issuers)


def _turn_away(request: HttpRequest) -> HttpResponseBase:
    messages.error(
        request,
        _("This account is not connected to anybody here. Sign in with your password, then connect it under Security."),
    )
    return redirect("account_login")


def _connect(request: HttpRequest, account: SocialAccount) -> HttpResponseBase:
    """Connects the account to whoever is signed in and has confirmed lately that it is them."""
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    if not did_recently_reauthenticate(request):
        messages.error(request, _("That took too long. Try again."))
    elif account.pk is not None:
        _tell_taken(request, is_own=account.user_id == user.pk)
    else:
        _store(request, user, account)
    return redirect("security")


def _store(request: HttpRequest, user: User, account: SocialAccount) -> None:
    """Writes the account alone: the person's row may have been changed meanwhile."""
    account.user = user
    try:
        with transaction.atomic():
            _accounts(user).delete()
            account.save()
    except IntegrityError:  # somebody else was faster with the same account
        _tell_taken(request, is_own=False)
        return
    messages.success(request, _("The account is connected. You can sign in with it from now on."))
    _tell_by_mail(request, user, "account_connected")


def _tell_taken(request: HttpRequest, *, is_own: bool) -> None:
    if is_own:
        messages.info(request, _("This account is connected already."))
    else:
        messages.error(request, _("This account is connected to somebody else."))


def _tell_by_mail(request: HttpRequest, user: User, what: str) -> None:
    context = {"provider": name()}
    get_account_adapter(request).send_notification_mail(f"socialaccount/email/{what}", user, context)
