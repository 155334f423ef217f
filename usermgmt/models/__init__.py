"""Every table of this app, so that Django finds them in one place."""

from usermgmt.models.audit import Action, AuditEntry
from usermgmt.models.invitations import Invitation, Mail, MailKind
from usermgmt.models.people import (
    COUNTED_STATUSES,
    Membership,
    Role,
    Status,
    Team,
    Theme,
    User,
    UserManager,
    normalize_email,
)
from usermgmt.models.uploads import PeopleUpload

__all__ = [
    "COUNTED_STATUSES",
    "Action",
    "AuditEntry",
    "Invitation",
    "Mail",
    "MailKind",
    "Membership",
    "PeopleUpload",
    "Role",
    "Status",
    "Team",
    "Theme",
    "User",
    "UserManager",
    "normalize_email",
]
