"""Plotly comes from npm where npm was, else out of the Python package, always under one name and of one version."""

from __future__ import annotations

from pathlib import Path

import plotly.offline
import pytest
from django.contrib.staticfiles import finders
from pytest_django import Settings

from panta_admin.staticfinder import PLOTLY, PlotlyFinder, plotly_bundle

PROJECT = Path(__file__).resolve().parents[2]
needs_npm = pytest.mark.skipif(
    not (PROJECT / "node_modules" / "plotly.js-basic-dist-min").exists(), reason="npm was not there at installation"
)


@needs_npm
def test_the_basic_bundle_is_served_and_collected_under_the_one_name() -> None:
    assert finders.find(PLOTLY) == str(plotly_bundle())
    ((name, storage),) = PlotlyFinder().list(None)
    with storage.open(name) as file:
        head = file.read(200)
    assert name == "vendor/plotly.min.js"
    assert f"plotly.js (basic - minified) v{plotly.offline.get_plotlyjs_version()}".encode() in head


def test_without_npm_the_python_package_gives_its_own_bundle(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    bundle = plotly_bundle()
    assert bundle.parent.name == "package_data"
    assert f"plotly.js v{plotly.offline.get_plotlyjs_version()}" in bundle.read_text()[:200]


def test_other_names_and_ignored_ones_are_not_answered() -> None:
    assert PlotlyFinder().find("vendor/other.js") == []
    assert list(PlotlyFinder().list(["vendor/*"])) == []
    assert PlotlyFinder().find(PLOTLY, find_all=True) == [str(plotly_bundle())]


def test_npm_pins_the_version_that_builds_the_figures() -> None:
    assert (
        f'"plotly.js-basic-dist-min": "{plotly.offline.get_plotlyjs_version()}"'
        in (PROJECT / "package.json").read_text()
    )
