"""Erasing may also replace what somebody searched for when they exported what was found: that may be a name too."""

from django.db import migrations

_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased CONSTANT text := 'Erased person';
    names CONSTANT text[] := '{NAMES}';
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('panta.erasing', true) = 'on'
        AND (NEW.id, NEW.at, NEW.actor_id, NEW.action, NEW.person_id, NEW.team_id)
            IS NOT DISTINCT FROM (OLD.id, OLD.at, OLD.actor_id, OLD.action, OLD.person_id, OLD.team_id)
        AND NEW.actor_name IN (OLD.actor_name, erased)
        AND NEW.target_name IN (OLD.target_name, erased)
        AND NEW.before - names = OLD.before - names
        AND NEW.after - names = OLD.after - names
        AND NOT EXISTS (
            SELECT FROM unnest(names) AS field
            WHERE coalesce(NEW.before -> field, 'null') NOT IN (coalesce(OLD.before -> field, 'null'), to_jsonb(erased))
                OR coalesce(NEW.after -> field, 'null') NOT IN (coalesce(OLD.after -> field, 'null'), to_jsonb(erased))
                OR NEW.before ? field <> OLD.before ? field
                OR NEW.after ? field <> OLD.after ? field
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_entry is append-only';
END $$;
"""
FORWARDS = _FUNCTION.replace("NAMES", "name,email,search,actor,target")
BACKWARDS = _FUNCTION.replace("NAMES", "name,email")


class Migration(migrations.Migration):
    dependencies = [("usermgmt", "0008_audit_is_not_truncated")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
