"""In which language somebody is written to."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import get_language

from usermgmt.models import User


def for_mail(person: User) -> str:
    """The language that `person` chose; else the one spoken now, by whoever causes the mail; else the workspace's."""
    offered = dict(settings.LANGUAGES)
    wishes = (person.language, get_language())
    return next((language for language in wishes if language in offered), settings.LANGUAGE_CODE)
