"""Somebody at the browser: signs in by the form, and opens the Analytics page again and again."""

from __future__ import annotations

import http.cookiejar
import re
import statistics
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

from tests.chaos.load import NO_ANSWER, Answer
from tests.chaos.stage import ADMINISTRATOR, PASSWORD

PAGE = "/admin/analytics/?range=last_12_months"
TIMEOUT_S = 30.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    def __init__(self, url: str) -> None:
        self._url = url
        self._browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )
        self._token = ""

    def get(self, path: str = PAGE) -> Answer:
        return self._ask(urllib.request.Request(self._url + path))  # noqa: S310  # our own address

    def post(self, path: str, **fields: str) -> Answer:
        """A form of the page that was read last."""
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": self._token, **fields}).encode()
        return self._ask(urllib.request.Request(self._url + path, body))  # noqa: S310

    def sign_in(self) -> Answer:
        """The page that the form leads to."""
        self.get("/accounts/login/")
        return self.post("/accounts/login/", login=ADMINISTRATOR, password=PASSWORD)

    def _ask(self, request: urllib.request.Request) -> Answer:
        began = time.monotonic()
        try:
            with self._browser.open(request, timeout=TIMEOUT_S) as response:
                status, retry_after, body = response.status, "", response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, retry_after, body = error.code, error.headers.get("Retry-After", ""), error.read()
        except OSError:
            return Answer(began, time.monotonic() - began, NO_ANSWER)
        if found := _TOKEN.search(body.decode(errors="replace")):
            self._token = found[1]
        return Answer(began, time.monotonic() - began, status, retry_after, body)


@dataclass
class Reader:
    """Opens the page while its block lasts, a few times a second."""

    visitor: Visitor
    every_s: float = 0.1
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> Reader:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.is_set():
            self.answers.append(self.visitor.get())
            self._over.wait(self.every_s)


def between(answers: list[Answer], start: float, end: float) -> list[Answer]:
    """Those that were asked for in this span of the monotonic clock."""
    return [answer for answer in answers if start <= answer.began < end]


def median_s(answers: list[Answer]) -> float:
    return statistics.median(answer.took_s for answer in answers)
