"""The Token limits tab and what belongs to it. For administrators alone, by the default-deny middleware."""

from django.urls import path

from tokenlimits.views import limits, page

urlpatterns = [
    path("admin/limits/", page.page, name="limits"),
    path("admin/limits/alerts/", page.alerts, name="limit-alerts"),
    path("admin/limits/new/", limits.create, name="limit-new"),
    path("admin/limits/<int:limit_id>/edit/", limits.edit, name="limit-edit"),
    path("admin/limits/<int:limit_id>/remove/", limits.remove, name="limit-remove"),
    path("admin/limits/<int:limit_id>/raise/", limits.raise_for_a_time, name="limit-raise"),
    path("admin/limits/<int:limit_id>/raise/end/", limits.end_override, name="limit-raise-end"),
]
