"""Sentences with code in them, as the source writes them: between backticks, with an empty line between paragraphs."""

from __future__ import annotations

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_CODE = re.compile("`([^`]+)`")


@register.filter
def coded(text: str) -> SafeString:
    """What stands between two backticks as code, all of it escaped; a single backtick is a letter like any other."""
    plain, *pairs = _CODE.split(str(text))
    parts = zip(pairs[::2], pairs[1::2], strict=True)
    return format_html("{}{}", plain, format_html_join("", "<code>{}</code>{}", parts))


@register.filter
def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each in one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
