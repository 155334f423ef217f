"""Finds third-party browser files where their package managers put them, so that none of them is committed.

`vendor/plotly.min.js` is npm's basic bundle (329 kB as brotli); where no npm was there, the whole bundle out of the
Python package (1.1 MB), of the same version.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage, Storage

PLOTLY = "vendor/plotly.min.js"


class _Renamed(FileSystemStorage):
    """A storage of one file that is called otherwise on disk."""

    def __init__(self, name: str, source: Path) -> None:
        super().__init__(location=str(source.parent))
        self.name, self.source = name, source

    def path(self, name: str) -> str:
        return str(self.source) if name == self.name else super().path(name)


class PlotlyFinder(BaseFinder):
    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str]:  # type: ignore[override]
        if path != PLOTLY:
            return []
        source = str(plotly_bundle())
        return [source] if find_all else source

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        if not matches_patterns(PLOTLY, list(ignore_patterns or ())):
            yield PLOTLY, _Renamed(PLOTLY, plotly_bundle())


def plotly_bundle() -> Path:
    """The file to serve: npm's if there is one."""
    basic: Path = settings.BASE_DIR / "node_modules" / "plotly.js-basic-dist-min" / "plotly-basic.min.js"
    return basic if basic.exists() else _python_bundle()


def _python_bundle() -> Path:
    spec = importlib.util.find_spec("plotly")  # not imported: it takes half a second
    if spec is None or spec.origin is None:
        raise FileNotFoundError("plotly.min.js: neither node_modules nor the Python package plotly is installed.")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
