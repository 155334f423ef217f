import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("email", models.EmailField(max_length=254, null=True, unique=True)),
                (
                    "external_id",
                    models.CharField(
                        help_text="The platform's own id",
                        max_length=200,
                        null=True,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200)),
                (
                    "role",
                    models.CharField(
                        choices=[("admin", "Administrator"), ("user", "User")],
                        default="user",
                        max_length=8,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending invitation"),
                            ("active", "Active"),
                            ("deactivated", "Deactivated"),
                            ("deleted", "Deleted"),
                        ],
                        default="active",
                        max_length=12,
                    ),
                ),
                (
                    "is_active",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(status="active", then=True), default=False
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
                (
                    "joined_at",
                    models.DateTimeField(
                        help_text="Onboarding completed; null where nobody told us",
                        null=True,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True,
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "person",
                "indexes": [
                    models.Index(
                        fields=["status"], include=("joined_at",), name="person_status"
                    ),
                    models.Index(
                        fields=["joined_at"],
                        include=("id", "status"),
                        name="person_joined",
                    ),
                    models.Index(fields=["updated_at"], name="person_updated"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email__isnull", False),
                            ("external_id__isnull", False),
                            ("status", "deleted"),
                            _connector="OR",
                        ),
                        name="person_is_known_by_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "pending"), _negated=True),
                            ("joined_at__isnull", True),
                            _connector="OR",
                        ),
                        name="person_pending_not_joined",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("is_primary", models.BooleanField(default=False)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "membership",
            },
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("name", models.CharField(max_length=200)),
                (
                    "description",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=500
                    ),
                ),
                (
                    "color",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=7
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True,
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
                ("archived_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "members",
                    models.ManyToManyField(
                        related_name="teams",
                        through="usermgmt.Membership",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "team",
            },
        ),
        migrations.AddField(
            model_name="membership",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="memberships",
                to="usermgmt.team",
            ),
        ),
        migrations.AddIndex(
            model_name="team",
            index=models.Index(fields=["updated_at"], name="team_updated"),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                fields=("user", "team"), name="membership_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_primary", True)),
                fields=("user",),
                name="membership_one_primary",
            ),
        ),
    ]
