"""The audit log is append-only for TRUNCATE too, which no trigger on rows sees."""

from django.db import migrations

FORWARDS = """
CREATE TRIGGER audit_entry_is_not_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
"""
BACKWARDS = "DROP TRIGGER audit_entry_is_not_truncated ON audit_entry;"


class Migration(migrations.Migration):
    dependencies = [("usermgmt", "0007_pending_index")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
