"""/profile/: a person's own name, language and theme."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from usermgmt import profile
from usermgmt.models import Theme, User
from usermgmt.profile_forms import LanguageForm, ProfileForm, ThemeForm
from usermgmt.redirects import is_own_path


@require_http_methods(["GET", "HEAD", "POST"])
def own_profile(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    now = {"name": person.name, "language": person.language, "theme": person.theme}
    form = ProfileForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        values = {**now, **form.cleaned_data}
        profile.save_profile(person.pk, values["name"], values["language"], Theme(values["theme"]))
        messages.success(request, _("Your profile is saved."))
        return redirect("profile")
    return render(request, "usermgmt/profile/profile.html", {"form": form, "person": person})


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Takes over what was switched in the person's menu; asked by a script that has shown it already."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    profile.set_theme(_person(request).pk, Theme(form.cleaned_data["theme"]))
    return HttpResponse(status=204)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Takes over the language chosen in the person's menu and goes back to the page it was chosen on."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        profile.set_language(_person(request).pk, form.cleaned_data["language"])
    back = request.POST.get("next", "")
    return HttpResponseRedirect(back) if is_own_path(back) else redirect("home")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # held by the default-deny middleware
    return request.user
