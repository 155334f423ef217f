"""Tables of people that somebody handed over and has not confirmed yet."""

from __future__ import annotations

from django.db import models

from usermgmt.models.people import User


class PeopleUpload(models.Model):
    """The rows of one file, kept for a day so that what is confirmed is what was shown.

    `rows`: line, what it says and why it cannot be read, see `usermgmt.bulk_file`. `left_out`: once consumed, the
    reason for each line nobody was invited for.
    """

    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    filename = models.CharField(max_length=200)
    rows = models.JSONField()
    create_teams = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    left_out = models.JSONField(default=dict)

    class Meta:
        db_table = "people_upload"
        indexes = (models.Index(fields=["created_at"], name="people_upload_created"),)

    def __str__(self) -> str:
        return self.filename
