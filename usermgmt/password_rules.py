"""What a password may not be, beyond Django's own rules."""

from __future__ import annotations

from django.contrib.auth.password_validation import UserAttributeSimilarityValidator
from django.utils.translation import gettext as _


class UnlikeThePersonValidator(UserAttributeSimilarityValidator):
    """Django's rule, said without the name of a column, which no language translates."""

    def get_error_message(self) -> str:
        return _("The password is too similar to the name or the email address.")
