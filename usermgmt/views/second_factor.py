"""Setting up and taking away the second step, under /profile/security/. allauth's views, which ask for the password
again before every change; here they lead back to the Security page.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.mfa.adapter import get_adapter
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from usermgmt import second_factor
from usermgmt.models import User
from usermgmt.views.password import require_password

SECURITY = reverse_lazy("security")


@require_POST
def reset(request: HttpRequest, user_id: int) -> HttpResponse:
    """An administrator's way to help somebody who has lost phone, key and codes."""
    require_password(request)
    assert isinstance(request.user, User)  # held by the default-deny middleware
    if user_id == request.user.pk:
        return redirect("security")
    try:
        person = second_factor.reset(request.user, user_id)
    except User.DoesNotExist:
        raise Http404 from None
    if person is not None:
        get_account_adapter(request).send_notification_mail("mfa/email/second_step_reset", person)
    messages.success(request, _("Two-step sign-in is reset. Their password signs them in until they set it up again."))
    return redirect("person", user_id)


class ActivateTotp(ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        secret = context["form"].secret
        url = get_adapter().build_totp_url(self.request.user, secret)
        return {**context, "qr_code": second_factor.qr_code(url), "secret": secret}

    def get_success_url(self) -> str:
        return _codes_or_security(self.did_generate_recovery_codes)


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]  # allauth has no types
    def get_success_url(self) -> str:
        return _codes_or_security(self.did_generate_recovery_codes)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's own drops the form that was refused."""
        return {**super().get_context_data(**kwargs), **kwargs}


def _codes_or_security(has_new_codes: bool) -> str:
    return reverse("mfa_view_recovery_codes" if has_new_codes else "security")


_form = require_http_methods(["GET", "HEAD", "POST"])

activate_totp = _form(ActivateTotp.as_view())
deactivate_totp = _form(DeactivateTOTPView.as_view(success_url=SECURITY))
recovery_codes = require_safe(recovery_views.view_recovery_codes)
new_recovery_codes = _form(recovery_views.generate_recovery_codes)
recovery_codes_file = require_safe(recovery_views.download_recovery_codes)
add_passkey = _form(AddPasskey.as_view())
rename_passkey = _form(EditWebAuthnView.as_view(success_url=SECURITY))
remove_passkey = _form(RemoveWebAuthnView.as_view(success_url=SECURITY))
