"""What tools say about a page in a real browser: axe in both colour schemes, and whether it scrolls sideways."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AT_REST = """() => Promise.all(
    document.getAnimations()
        .filter(animation => animation.effect.getComputedTiming().endTime < Infinity)
        .map(animation => animation.finished.catch(() => null))
).then(() => null)"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def violations(page: Page) -> list[str]:
    """What axe holds against the page, of any impact: rule and first place. Colours are looked at in light and in dark,
    which are all that differs between them.
    """
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    found = _violations(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return found + _violations(page, runOnly=["color-contrast"])


def _violations(page: Page, **options: Any) -> list[str]:
    page.evaluate(AT_REST)
    found = Axe().run(page, options=options).response["violations"]
    return [f"{violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in found]


def too_wide_at(page: Page, *widths: int) -> list[int]:
    """Those of the window widths at which the page scrolls sideways."""
    found = []
    for width in widths or (320, 360, 390, 768, 1024, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(TWO_FRAMES)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(width)
    return found
