"""Making a key, which is shown once, and revoking one.

In: forms. Out: their pages. The answer to a good form is the page with the key itself, not a redirect: an address
would carry the key into histories and logs, a session into the database.
"""

from __future__ import annotations

from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from analytics import keys
from analytics.forms import KeyForm
from analytics.views import setup
from usermgmt.views.password import require_password

_form = require_http_methods(["GET", "HEAD", "POST"])


@_form
@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """The form; by POST the key, shown this once. A form sent again makes no second key and shows none."""
    if request.method != "POST":
        return _form_page(request, KeyForm(initial={"scopes": ["ingest"], "attempt": uuid4()}))
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form)
    require_password(request)
    assert request.user.is_authenticated  # held by the default-deny middleware
    said = form.cleaned_data
    try:
        key, text = keys.create_once(said["attempt"], request.user, said["name"], said["scopes"], said["source"])
    except keys.AlreadyCreated:
        messages.info(request, _("This key has been created, and is not shown again. If nobody copied it, revoke it."))
        return redirect("integrations")
    guides = setup.guides(key.scopes, timezone.now(), text)
    return render(request, "analytics/key_created.html", {"key": key, "text": text, "guides": guides})


def _form_page(request: HttpRequest, form: KeyForm) -> HttpResponse:
    return render(request, "analytics/key_new.html", {"form": form})


@_form
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Asks, and by POST ends the key at once."""
    key = keys.by_id(key_id)
    if key is None:
        raise Http404
    if request.method != "POST":
        return render(request, "analytics/key_revoke.html", {"key": key, "now": timezone.now()})
    require_password(request)
    assert request.user.is_authenticated  # held by the default-deny middleware
    if keys.revoke(request.user, key, timezone.now()):
        messages.success(request, _("“%(name)s” is revoked: its next request is refused.") % {"name": key.name})
    else:
        messages.info(request, _("“%(name)s” had been revoked already.") % {"name": key.name})
    return redirect("integrations")
