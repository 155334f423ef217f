"""The audit log is append-only for everybody; erasing a person may replace names in it, and nothing else."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('panta.erasing', true) = 'on'
        AND (NEW.id, NEW.at, NEW.actor_id, NEW.action, NEW.person_id, NEW.team_id)
            IS NOT DISTINCT FROM (OLD.id, OLD.at, OLD.actor_id, OLD.action, OLD.person_id, OLD.team_id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_entry is append-only';
END $$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
"""
BACKWARDS = """
DROP TRIGGER audit_entry_is_append_only ON audit_entry;
DROP FUNCTION refuse_audit_change();
"""


class Migration(migrations.Migration):
    dependencies = [("usermgmt", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
