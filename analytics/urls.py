"""The Analytics and the Integrations tab. For administrators alone, by the default-deny middleware."""

from django.urls import path

from analytics.views import exports, integrations, keys, page

urlpatterns = [
    path("admin/analytics/", page.page, name="analytics"),
    path("admin/analytics/charts/<slug:name>/", page.chart, name="analytics-chart"),
    path("admin/analytics/refresh/", page.refresh, name="analytics-refresh"),
    path("admin/analytics/export/<slug:variant>/", exports.download, name="analytics-export"),
    path("admin/integrations/", integrations.integrations, name="integrations"),
    path("admin/integrations/keys/new/", keys.create, name="key-new"),
    path("admin/integrations/keys/<int:key_id>/", integrations.key, name="key"),
    path("admin/integrations/keys/<int:key_id>/revoke/", keys.revoke, name="key-revoke"),
]
