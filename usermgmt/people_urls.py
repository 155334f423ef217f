"""The User management tab. For administrators alone, by the default-deny middleware."""

from django.urls import path

from usermgmt.views import people

urlpatterns = [
    path("admin/users/", people.page, name="people"),
    path("admin/users/export/", people.export, name="people-export"),
]
