"""Teams, the audit log and a person's page. For administrators alone, by the default-deny middleware."""

from django.urls import path

from usermgmt.views import audit, person, second_factor, teams

urlpatterns = [
    path("admin/teams/", teams.teams, name="teams"),
    path("admin/teams/new/", teams.create, name="team-new"),
    path("admin/teams/<int:team_id>/", teams.team, name="team"),
    path("admin/teams/<int:team_id>/edit/", teams.edit, name="team-edit"),
    path("admin/teams/<int:team_id>/archive/", teams.archive, name="team-archive"),
    path("admin/teams/<int:team_id>/unarchive/", teams.unarchive, name="team-unarchive"),
    path("admin/teams/<int:team_id>/members/add/", teams.add_members, name="team-members-add"),
    path("admin/teams/<int:team_id>/members/remove/", teams.remove_members, name="team-members-remove"),
    path("admin/audit/", audit.log, name="audit"),
    path("admin/audit/export/", audit.export, name="audit-export"),
    path("admin/users/<int:user_id>/", person.page, name="person"),
    path("admin/users/<int:user_id>/sessions/end/", person.end_sessions, name="person-sessions-end"),
    path("admin/users/<int:user_id>/second-step/reset/", second_factor.reset, name="person-second-step-reset"),
]
