"""Every URL of the project. Who may open one is decided by the default-deny middleware."""

from django.urls import include, path
from django.views.generic import RedirectView

from analytics.api import ground
from analytics.api import urls as api
from analytics.api.ground import api as operations
from panta_admin import health, prometheus
from panta_admin.home import home
from tokenlimits import api as limits

operations.add_router("", prometheus.router)
handler400 = "panta_admin.outage.bad_request"
ground.api.add_router("", limits.router)

handler500 = "panta_admin.outage.server_error"

urlpatterns = [
    *api.patterns(),  # first: trying every page before would take a good part of the time of a small delivery
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("", home, name="home"),
    path("admin/", RedirectView.as_view(pattern_name="analytics"), name="admin"),
    path("accounts/", include("usermgmt.urls")),
    path("profile/", include("usermgmt.profile_urls")),
    path("", include("usermgmt.people_urls")),
    path("", include("usermgmt.admin_urls")),
    path("", include("analytics.urls")),
    path("", include("tokenlimits.urls")),
]
