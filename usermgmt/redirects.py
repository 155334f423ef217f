"""The one place that decides where a parameter may send a browser: to a path of ours, and nowhere else."""

from __future__ import annotations

from django.utils.http import url_has_allowed_host_and_scheme


def is_own_path(url: str) -> bool:
    """Whether `url` stays on this host whatever a browser makes of it; an absolute URL never does."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
