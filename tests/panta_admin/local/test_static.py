"""Static files are collected when one changed, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from panta_admin.local.static import collect_if_changed


@pytest.fixture
def source(settings: Settings, tmp_path: Path) -> Path:
    """A folder of static files that nobody else writes to, collected into one beside it."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "page.css").write_text("a {}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    return folder


def names(collected: Path) -> list[str]:
    manifest = json.loads((collected / "staticfiles.json").read_text())
    assert all((collected / name).exists() for name in manifest["paths"].values())
    return sorted(manifest["paths"])


def test_the_first_time_everything_is_collected_then_nothing(source: Path, tmp_path: Path) -> None:
    assert collect_if_changed(tmp_path / "local" / "stamp")
    assert names(tmp_path / "collected") == ["page.css"]
    assert not collect_if_changed(tmp_path / "local" / "stamp")


def test_a_changed_a_new_and_a_removed_file_are_noticed(source: Path, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    collect_if_changed(stamp)
    (source / "page.css").write_text("b { color: red }")
    assert collect_if_changed(stamp)
    (source / "more.css").write_text("c {}")
    assert collect_if_changed(stamp)
    (source / "page.css").unlink()
    assert collect_if_changed(stamp)
    assert names(tmp_path / "collected") == ["more.css"]


def test_a_lost_collection_is_made_again(source: Path, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    collect_if_changed(stamp)
    (tmp_path / "collected" / "staticfiles.json").unlink()
    assert collect_if_changed(stamp)
