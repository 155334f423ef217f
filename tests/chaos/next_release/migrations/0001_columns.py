from django.db import migrations

TABLES = ("usage_event", "pending_event", "daily_total", "person")


class Migration(migrations.Migration):
    """New columns with a default, as most releases bring some: quick, but each needs its table for itself."""

    dependencies = [("analytics", "0002_keys"), ("usermgmt", "0001_initial")]
    operations = [
        migrations.RunSQL(f"ALTER TABLE {table} ADD COLUMN next_release integer NOT NULL DEFAULT 0") for table in TABLES
    ]
