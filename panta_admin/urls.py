"""Every URL of the project. Who may open one is decided by the default-deny middleware."""

from django.urls import include, path

from panta_admin import health

handler500 = "panta_admin.outage.server_error"

urlpatterns = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("analytics.urls")),
]
