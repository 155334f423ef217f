import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usermgmt", "0003_erasing_replaces_names_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="PeopleUpload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("filename", models.CharField(max_length=200)),
                ("rows", models.JSONField()),
                ("create_teams", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("consumed_at", models.DateTimeField(null=True)),
                ("left_out", models.JSONField(default=dict)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "people_upload",
                "indexes": [models.Index(fields=["created_at"], name="people_upload_created")],
            },
        ),
    ]
