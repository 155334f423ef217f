"""The style sheets against their own rules: tokens alone name colours, both dark lists agree, text can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = Path(settings.BASE_DIR) / "static" / "css"
SHEETS = sorted(CSS.rglob("*.css"))
TOKENS = (CSS / "tokens.css").read_text()
BLOCK = re.compile(r"^ *(:root[^{\n]*)\{([^}]*)\}", re.MULTILINE)
DECLARATION = re.compile(r"(--[\w-]+|color-scheme):\s*([^;]+);")
RULES = re.compile(r"/\*.*?\*/", re.DOTALL)


def blocks() -> list[tuple[str, dict[str, str]]]:
    return [
        (selector.strip(), dict(DECLARATION.findall(body))) for selector, body in BLOCK.findall(RULES.sub("", TOKENS))
    ]


def light() -> dict[str, str]:
    return blocks()[0][1]


def dark() -> dict[str, str]:
    return light() | dict(blocks())[':root[data-theme="dark"]']


def test_the_two_dark_lists_are_equal() -> None:
    lists = dict(blocks())
    assert lists[':root[data-theme="dark"]'] == lists[':root:not([data-theme="light"])']


def test_the_dark_theme_redefines_every_colour_and_nothing_else() -> None:
    assert dict(blocks())[':root[data-theme="dark"]'].keys() == light().keys()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_sheet_uses_only_tokens_that_exist(sheet: Path) -> None:
    text = sheet.read_text()
    known = {name for path in SHEETS for name, _value in DECLARATION.findall(path.read_text())}
    assert set(re.findall(r"var\((--[\w-]+)", text)) <= known


@pytest.mark.parametrize(
    "sheet", [sheet for sheet in SHEETS if sheet.name != "tokens.css"], ids=lambda sheet: sheet.name
)
def test_a_sheet_names_no_colour_no_id_and_forces_nothing(sheet: Path) -> None:
    rules = RULES.sub("", sheet.read_text())
    assert re.findall(r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(", rules, re.IGNORECASE) == []
    assert re.findall(r"(?:^|[\s,>+~])#[\w-]+[^;{}]*\{", rules) == []
    assert "!important" not in rules


@pytest.mark.parametrize(
    "sheet", [sheet for sheet in SHEETS if sheet.name != "plotly.css"], ids=lambda sheet: sheet.name
)
def test_every_rule_lies_in_a_layer(sheet: Path) -> None:
    outside = re.sub(
        r"@layer[^;{]*(?:;|\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\})",
        "",
        RULES.sub("", sheet.read_text()),
    )
    assert outside.strip() == ""


SURFACES = ("canvas", "sidebar", "surface", "surface-raised", "surface-sunken", "surface-hover", "surface-active")
TEXT_PAIRS = [
    *((text, surface) for text in ("text", "text-muted") for surface in SURFACES),
    *(("text-faint", surface) for surface in SURFACES[:5]),
    *(("accent-text", surface) for surface in (*SURFACES[:5], "accent-soft")),
    *((tone, f"{tone}-soft") for tone in ("success", "warning", "danger")),
    *((tone, "surface") for tone in ("success", "warning", "danger")),
    *(("text", f"{tone}-soft") for tone in ("accent", "success", "warning", "danger")),
    ("text-on-accent", "accent"),
    ("text-on-accent", "accent-hover"),
    ("text", "surface-chosen"),
]
GRAPHIC_PAIRS = [
    *((f"series-{number}", "surface") for number in range(1, 10)),
    ("border-control", "surface"),
    ("focus", "surface"),
    ("focus", "sidebar"),
    ("accent", "surface"),
]


@pytest.mark.parametrize("theme", [light(), dark()], ids=["light", "dark"])
@pytest.mark.parametrize("front, back", TEXT_PAIRS)
def test_text_has_contrast(theme: dict[str, str], front: str, back: str) -> None:
    assert contrast(theme[f"--{front}"], theme[f"--{back}"]) >= 4.5


@pytest.mark.parametrize("theme", [light(), dark()], ids=["light", "dark"])
@pytest.mark.parametrize("front, back", GRAPHIC_PAIRS)
def test_lines_and_areas_have_contrast(theme: dict[str, str], front: str, back: str) -> None:
    assert contrast(theme[f"--{front}"], theme[f"--{back}"]) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two opaque colours."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
