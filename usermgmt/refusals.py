"""Why an action on people is refused: a code for tests, a sentence for the person who asked."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise] = {
    "already_member": _("This address belongs to somebody who is in the workspace already."),
    "already_invited": _("This address has an open invitation. Send it again from “Pending invitations”."),
    "was_removed": _("This person was removed. Restore them under “Recently deleted” instead."),
    "invitation_over": _("This invitation is no longer valid. Ask an administrator for a new one."),
    "deactivated": _("This person is deactivated. Reactivate them, and they get a new invitation."),
    "not_invited": _("This person has no open invitation."),
    "yourself": _("You cannot remove, deactivate or demote yourself. Ask another administrator."),
    "not_administrator": _("You are not an administrator any more."),
    "last_administrator": _("The workspace needs at least one active administrator."),
    "changed_meanwhile": _(
        "Somebody changed this person while you were editing. Look at the new values and try again."
    ),
    "wrong_status": _("This is not possible in the person's present state."),
    "erased": _("This person's data was erased and cannot be brought back."),
    "unknown_team": _("One of the teams does not exist any more."),
    "team_exists": _("There is a team with this name already."),
    "team_was_renamed": _("Usage under this name belongs to a team that was renamed. Choose another name."),
    "nobody_chosen": _("Choose somebody first."),
    "team_archived": _("This team is archived. Bring it back before adding people."),
}


class Refused(Exception):  # noqa: N818  # reads as what happened: invite(...) was refused
    """Raised inside an action's transaction, so that nothing of it is written."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    @classmethod
    def of(cls, code: str) -> Refused:
        return cls(code, str(SENTENCES[code]))
