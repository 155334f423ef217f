"""What administrators did: who, what, on whom, before and after, when. Append-only, which the database enforces."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    INVITED = "person.invited", _("Invited a person")
    INVITATION_RESENT = "invitation.resent", _("Sent an invitation again")
    INVITATION_REVOKED = "invitation.revoked", _("Revoked an invitation")
    INVITATION_ACCEPTED = "invitation.accepted", _("Accepted an invitation")
    EDITED = "person.edited", _("Edited a person")
    ROLE_CHANGED = "person.role_changed", _("Changed a role")
    TEAMS_CHANGED = "person.teams_changed", _("Changed a person's teams")
    DEACTIVATED = "person.deactivated", _("Deactivated a person")
    REACTIVATED = "person.reactivated", _("Reactivated a person")
    REMOVED = "person.removed", _("Removed a person")
    RESTORED = "person.restored", _("Restored a person")
    ERASED = "person.erased", _("Erased a person")
    SESSIONS_ENDED = "person.sessions_ended", _("Ended a person's sessions")
    IMPORTED = "people.imported", _("Imported people")
    TEAM_CREATED = "team.created", _("Created a team")
    TEAM_EDITED = "team.edited", _("Edited a team")
    TEAM_ARCHIVED = "team.archived", _("Archived a team")
    TEAM_UNARCHIVED = "team.unarchived", _("Brought a team back")
    EXPORTED = "data.exported", _("Exported data")
    KEY_CREATED = "key.created", _("Created a key")
    KEY_REVOKED = "key.revoked", _("Revoked a key")
    LIMIT_CREATED = "limit.created", _("Created a token limit")
    LIMIT_CHANGED = "limit.changed", _("Changed a token limit")
    LIMIT_REMOVED = "limit.removed", _("Removed a token limit")
    OVERRIDE_CREATED = "override.created", _("Raised a token limit for a time")
    OVERRIDE_ENDED = "override.ended", _("Ended a raised token limit")


class AuditEntry(models.Model):
    """`actor_id` and `person_id` are plain numbers (null = the system, nobody): history outlives every row.

    `before` and `after` hold only the fields that changed. When a person is erased, their name and address are
    replaced here too: the one change that the trigger lets through.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=254, blank=True, default="")
    action = models.CharField(max_length=40, choices=Action.choices)
    person_id = models.BigIntegerField(null=True)
    team_id = models.BigIntegerField(null=True)
    target_name = models.CharField(max_length=254, blank=True, default="")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_entry"
        indexes = (
            models.Index(fields=["-at", "-id"], name="audit_entry_newest"),
            models.Index(fields=["person_id", "-at"], name="audit_entry_person"),
            models.Index(fields=["actor_id", "-at"], name="audit_entry_actor"),
        )

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name or 'the system'}"
