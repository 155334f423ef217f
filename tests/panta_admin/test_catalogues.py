"""Catalogues compiled in Python alone, held against those that Django and allauth bring, compiled by GNU gettext."""

from __future__ import annotations

import gettext
import io
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panta_admin import catalogues
from panta_admin.catalogues import Message, UnreadableCatalogue

HEADER = r"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

"""


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def theirs() -> list[Path]:
    """Catalogues of others, with their compiled twins beside them: several alphabets, one to six plural forms."""
    languages = ("ar", "cs", "de", "fr", "he", "ja", "pl", "ru", "zh_Hans")
    folders = (package("django") / "conf" / "locale", package("allauth") / "locale")
    return [
        path
        for folder in folders
        for name in languages
        if (path := folder / name / "LC_MESSAGES" / "django.po").exists()
    ]


def understood(compiled: bytes) -> dict[Any, str]:
    """The texts as Python's gettext reads them."""
    catalogue: dict[Any, str] = gettext.GNUTranslations(io.BytesIO(compiled))._catalog  # type: ignore[attr-defined]
    return catalogue


def compiled(tmp_path: Path, text: str) -> dict[Any, str]:
    path = tmp_path / "django.po"
    path.write_text(HEADER + text)
    return understood(catalogues.binary(catalogues.read(path)))


@pytest.mark.parametrize("source", theirs(), ids=lambda path: "/".join(path.parts[-5:-2]))
def test_a_catalogue_says_what_its_authors_compiled(source: Path) -> None:
    ours = understood(catalogues.binary(catalogues.read(source)))
    expected = understood(source.with_suffix(".mo").read_bytes())
    assert {key: text for key, text in ours.items() if key} == {key: text for key, text in expected.items() if key}
    assert len(ours) > 100


def test_contexts_plurals_escapes_and_long_texts_are_read(tmp_path: Path) -> None:
    text = """
        # of the translator
        #. of the programmer
        #, python-format
        msgctxt "a month"
        msgid "May"
        msgstr "Mai"

        msgid "%(n)s day"
        msgid_plural "%(n)s days"
        msgstr[0] "%(n)s Tag"
        msgstr[1] "%(n)s Tage"

        msgid ""
        "one\\n"
        "\\"two\\"\\t"
        msgstr ""
        "eins\\n"
        "\\"zwei\\"\\\\"

        #~ msgid "gone"
        #~ msgstr "fort"
    """
    catalogue = compiled(tmp_path, text)
    del catalogue[""]
    assert catalogue == {
        "a month\x04May": "Mai",
        ("%(n)s day", 0): "%(n)s Tag",
        ("%(n)s day", 1): "%(n)s Tage",
        'one\n"two"\t': 'eins\n"zwei"\\',
    }


def test_a_guess_and_a_gap_are_left_to_the_source_language(tmp_path: Path) -> None:
    text = """
        #, fuzzy, python-format
        msgid "Open"
        msgstr "Schließen"

        msgid "Shut"
        msgstr ""

        msgid "%(n)s door"
        msgid_plural "%(n)s doors"
        msgstr[0] "%(n)s Tür"
        msgstr[1] ""

        msgid "Door"
        msgstr "Tür"
    """
    assert compiled(tmp_path, text).keys() == {"", "Door"}


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('msgid "a"\nmsgstr "b" c', "line 7: neither a comment nor a quoted text"),
        ('msgid "a"\n<<<<<<< HEAD\nmsgstr "b"', "line 7: neither a comment nor a quoted text"),
        ('msgid "a\\q"\nmsgstr "b"', r"line 6: unknown escape \q"),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"', "line 9: the same message as in line 6"),
    ],
)
def test_what_breaks_the_format_is_refused_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UnreadableCatalogue) as refused:
        compiled(tmp_path, text)
    assert str(refused.value) == f"{tmp_path / 'django.po'}: {complaint}"


def test_text_before_any_message_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "django.po"
    path.write_text('"lost"\n')
    with pytest.raises(UnreadableCatalogue, match="line 1: text before the first msgid"):
        catalogues.read(path)


@given(st.dictionaries(st.text(min_size=1).filter(lambda t: "\x00" not in t and "\x04" not in t), st.text(min_size=1)))
def test_any_text_survives(texts: dict[str, str]) -> None:
    texts = {key: text.replace("\x00", "") or "-" for key, text in texts.items()}
    header = Message(1, translations=["Content-Type: text/plain; charset=UTF-8\n"])
    messages = [Message(2, id=key, translations=[text]) for key, text in texts.items()]
    catalogue = understood(catalogues.binary([header, *messages]))
    del catalogue[""]
    assert catalogue == texts


# --- Which are compiled, and when ---------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(HEADER + 'msgid "a"\nmsgstr "b"\n')
    return path


def test_what_is_missing_or_older_than_its_source_is_compiled_and_nothing_else(source: Path, tmp_path: Path) -> None:
    target = source.with_suffix(".mo")
    assert catalogues.compile_changed(tmp_path) == [target]
    assert catalogues.compile_changed(tmp_path) == []
    source.write_text(HEADER + 'msgid "a"\nmsgstr "c"\n')
    changed = target.stat().st_mtime_ns + 1
    os.utime(source, ns=(changed, changed))
    assert catalogues.compile_changed(tmp_path) == [target]
    assert understood(target.read_bytes())["a"] == "c"
    assert sorted(path.name for path in source.parent.iterdir()) == ["django.mo", "django.po"]


def test_a_broken_source_leaves_the_former_catalogue(source: Path, tmp_path: Path) -> None:
    (target,) = catalogues.compile_changed(tmp_path)
    before = target.read_bytes()
    source.write_text("msgid")
    later = target.stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))
    with pytest.raises(UnreadableCatalogue):
        catalogues.compile_changed(tmp_path)
    assert target.read_bytes() == before


def test_the_module_runs_without_django() -> None:
    """The image compiles before it has settings."""
    probe = "import sys, panta_admin.catalogues as c; c.compile_changed(); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False, cwd=catalogues.FOLDER.parent).returncode == 0
