"""`make screenshots`: the pictures of the README, taken from a demo workspace that lives for this one run.

Starts the whole product in a temporary folder, signs in as the demo's administrator and writes `docs/*.png`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
PICTURES = PROJECT / "docs"
SIGN_IN = re.compile(r"Sign in as admin: (\S+)\s+(\S+)")
SCHEMES: dict[Literal["light", "dark"], str] = {"light": "analytics.png", "dark": "analytics-dark.png"}
WIDTH, HEIGHT = 1440, 900  # pixels


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with panel() as (address, email, password), sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme, name in SCHEMES.items():
            page = browser.new_page(color_scheme=scheme, device_scale_factor=1.5, reduced_motion="reduce")
            sign_in(page, address, email, password)
            shoot(page, f"{address}/admin/analytics/", PICTURES / name)
            page.close()
        browser.close()


@contextmanager
def panel() -> Iterator[tuple[str, str, str]]:
    """The running product: its address, and the administrator's email and password."""
    with tempfile.TemporaryDirectory(prefix="panta-pictures-") as folder:
        port = free_port()
        environment = {**os.environ, "LOCAL_DIR": folder, "STATIC_ROOT": f"{folder}/static", "PORT": str(port)}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=PROJECT, env=environment, text=True, stdout=subprocess.PIPE
        )
        try:
            email, password = known_administrator(process)
            yield f"http://localhost:{port}", email, password
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def known_administrator(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Email and password, once everything runs."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C stops everything" in line and (found := SIGN_IN.search(said)):
            return found[1], found[2]
    raise RuntimeError(f"The panel did not start:\n{said}")


def sign_in(page: Page, address: str, email: str, password: str) -> None:
    page.goto(f"{address}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"{address}/")


def shoot(page: Page, url: str, picture: Path) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(url)
    page.wait_for_load_state("networkidle")
    whole = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": whole})  # a full-page picture would cut the sidebar short
    page.wait_for_timeout(1000)  # milliseconds; charts have drawn themselves
    page.screenshot(path=picture)
    print(picture.relative_to(PROJECT))


if __name__ == "__main__":
    main()
