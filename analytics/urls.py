"""The Analytics tab and what belongs to it. For administrators alone, by the default-deny middleware."""

from django.urls import path

from analytics.views import exports, page

urlpatterns = [
    path("admin/analytics/", page.page, name="analytics"),
    path("admin/analytics/charts/<slug:name>/", page.chart, name="analytics-chart"),
    path("admin/analytics/refresh/", page.refresh, name="analytics-refresh"),
    path("admin/analytics/export/<slug:variant>/", exports.download, name="analytics-export"),
]
