"""Where messages wait for the next page: in a cookie of this host alone, and what is too long for it in the session."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    cookie_name = settings.MESSAGES_COOKIE_NAME


class NoticeStorage(FallbackStorage):
    storage_classes = (HostCookieStorage, SessionStorage)
