"""The form by which a file of people is handed over."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usermgmt import bulk_file
from usermgmt.bulk_file import MAX_BYTES, StoredRow
from usermgmt.sheets import UnreadableFile


class UploadForm(forms.Form):
    """`rows` holds what was read, once the form is valid."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        error_messages={"required": gettext_lazy("Choose a file."), "empty": gettext_lazy("The file is empty.")},
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx,text/csv"}),
    )
    create_teams = forms.BooleanField(
        label=gettext_lazy("Create teams that do not exist yet"),
        required=False,
        help_text=gettext_lazy("Otherwise a row that names an unknown team is left out."),
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(limit)s. Split it.") % {"limit": filesizeformat(MAX_BYTES)}
            )
        try:
            self.rows: list[StoredRow] = bulk_file.read(file.chunks(), file.name or "")
        except UnreadableFile as error:
            raise forms.ValidationError(str(error)) from error
        return file
