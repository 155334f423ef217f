"""A person's own pages, open to everybody who is signed in."""

from django.urls import path
from django.urls.resolvers import URLPattern, URLResolver

from usermgmt.views import profile, security

urlpatterns: list[URLPattern | URLResolver] = [
    path("", profile.own_profile, name="profile"),
    path("theme/", profile.theme, name="profile_theme"),
    path("language/", profile.language, name="profile_language"),
    path("security/", security.security, name="security"),
    path("security/password/", security.change_password, name="account_change_password"),
    path("security/sessions/end/", security.end_session, name="end_session"),
]
