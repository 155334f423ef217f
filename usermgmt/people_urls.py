"""The User management tab, for administrators alone by the default-deny middleware; and the link of an invitation."""

from django.urls import path

from usermgmt.views import bulk_add, invitations, people, people_edit, people_steps

urlpatterns = [
    path("admin/users/", people.page, name="people"),
    path("admin/users/export/", people.export, name="people-export"),
    path("admin/users/new/", people_edit.add, name="person-add"),
    path("admin/users/import/", bulk_add.upload, name="people-import"),
    path("admin/users/import/template/", bulk_add.template, name="people-import-template"),
    path("admin/users/import/<int:upload_id>/", bulk_add.preview, name="people-upload"),
    path("admin/users/import/<int:upload_id>/result/", bulk_add.result, name="people-upload-result"),
    path("admin/users/<int:person_id>/edit/", people_edit.edit, name="person-edit"),
    path("admin/users/steps/<slug:name>/", people_steps.step, name="people-step"),
    path("invitation/<str:secret>/", invitations.accept, name="accept_invitation"),
]
