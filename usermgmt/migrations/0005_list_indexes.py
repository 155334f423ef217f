"""What the list of people reads alone: administrators by name, who was invited, who was removed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usermgmt", "0004_people_upload"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                fields=["display_name", "id"],
                condition=models.Q(role="admin", status__in=["active", "deactivated"]),
                name="person_administrators",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                fields=["status"],
                include=["accepted_at"],
                condition=models.Q(invited_at__isnull=False),
                name="person_invited",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                fields=["deleted_at", "id"],
                condition=models.Q(status="deleted", erased_at__isnull=True),
                name="person_deleted",
            ),
        ),
    ]
