"""What people set for themselves: name, language, theme. Their name is seen by administrators, so it is audited."""

from __future__ import annotations

from django.db import transaction

from usermgmt import audit
from usermgmt.models import Action, Theme, User


@transaction.atomic
def save_profile(user_id: int, name: str, language: str, theme: Theme) -> None:
    """Writes these columns and no other, so that a change made by an administrator meanwhile stays."""
    user = User.objects.select_for_update().get(pk=user_id)
    before = user.name
    user.name, user.language, user.theme = name, language, theme
    if name == before:
        user.save(update_fields=["language", "theme"])
        return
    user.save(update_fields=["name", "language", "theme", "updated_at"])
    audit.record(user, Action.EDITED, person=user, before={"name": before}, after={"name": name})


def set_theme(user_id: int, theme: Theme) -> None:
    User.objects.filter(pk=user_id).update(theme=theme)


def set_language(user_id: int, language: str) -> None:
    """The language for this person's pages; "" follows the browser."""
    User.objects.filter(pk=user_id).update(language=language)
