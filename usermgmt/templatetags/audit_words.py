"""How entries of the audit log are read: the action in words, who was concerned, what changed, field by field."""

from __future__ import annotations

from django import template

from usermgmt import audit, audit_words

register = template.Library()
register.filter("changes", audit_words.changes)
register.filter("action_label", audit_words.action_label)
register.filter("shown_name", audit.shown_name)
register.filter("target_label", audit_words.target_label)
