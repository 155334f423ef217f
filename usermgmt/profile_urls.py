"""A person's own pages, open to everybody who is signed in."""

from django.urls import path
from django.urls.resolvers import URLPattern, URLResolver

from usermgmt.views import profile, second_factor, security, sign_on

urlpatterns: list[URLPattern | URLResolver] = [
    path("", profile.own_profile, name="profile"),
    path("theme/", profile.theme, name="profile_theme"),
    path("language/", profile.language, name="profile_language"),
    path("security/", security.security, name="security"),
    path("security/password/", security.change_password, name="account_change_password"),
    path("security/sessions/end/", security.end_session, name="end_session"),
    path("security/sign-on/connect/", sign_on.connect, name="sign_on_connect"),
    path("security/sign-on/disconnect/", sign_on.disconnect, name="sign_on_disconnect"),
    path("security/authenticator/", second_factor.activate_totp, name="mfa_activate_totp"),
    path("security/authenticator/remove/", second_factor.deactivate_totp, name="mfa_deactivate_totp"),
    path("security/recovery-codes/", second_factor.recovery_codes, name="mfa_view_recovery_codes"),
    path("security/recovery-codes/new/", second_factor.new_recovery_codes, name="mfa_generate_recovery_codes"),
    path("security/recovery-codes/file/", second_factor.recovery_codes_file, name="mfa_download_recovery_codes"),
    path("security/passkeys/add/", second_factor.add_passkey, name="mfa_add_webauthn"),
    path("security/passkeys/<int:pk>/rename/", second_factor.rename_passkey, name="mfa_edit_webauthn"),
    path("security/passkeys/<int:pk>/remove/", second_factor.remove_passkey, name="mfa_remove_webauthn"),
]
