"""Signing in and out, and the way back in. allauth's views under its names, but only those that are needed:
signing up, managing addresses and sign-in by code are not mounted.
"""

from allauth.account import views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.webauthn import views as passkey_views
from django.urls import path, re_path
from django.urls.resolvers import URLPattern, URLResolver

from usermgmt.views import second_step, sign_on

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("reauthenticate/code/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("reauthenticate/passkey/", passkey_views.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("second-step/", second_step.authenticate, name="mfa_authenticate"),
    path("second-step/cancel/", second_step.cancel, name="cancel_second_step"),
    path("sign-on/", sign_on.start, name="sign_on"),
    path("sign-on/callback/", sign_on.callback, name="sign_on_callback"),
    path("passkey/", second_step.sign_in_with_passkey, name="mfa_login_webauthn"),
    path("passkey/options/", second_step.passkey_options, name="passkey_options"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]
