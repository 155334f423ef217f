"""Counts of people read an index alone, where the pages of the table have not changed since it was vacuumed: that is
done after each fiftieth of the people, not after each fifth. At 200,000 people a third of stale pages doubled the time.
"""

from django.db import migrations, models

FORWARDS = """
ALTER TABLE person SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
"""
BACKWARDS = "ALTER TABLE person RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);"


class Migration(migrations.Migration):
    dependencies = [("usermgmt", "0011_removed_from")]
    operations = [
        migrations.AddIndex(
            "User",
            models.Index(
                condition=models.Q(("status__in", ["active", "deactivated"])), fields=["status"], name="person_counted"
            ),
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
