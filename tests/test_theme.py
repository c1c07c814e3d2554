"""The theme: one set of colours, readable in light and dark."""

import tomllib
from pathlib import Path

import pytest

from dashboard.theme import DARK, LIGHT, Palette

CONFIG = tomllib.loads((Path(__file__).parent.parent / ".streamlit/config.toml").read_text())["theme"]


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_streamlit_and_the_charts_use_the_same_colours(name: str, palette: Palette) -> None:
    theme = CONFIG[name]
    assert theme["primaryColor"] == theme["linkColor"] == palette.accent
    assert theme["backgroundColor"] == palette.background
    assert theme["secondaryBackgroundColor"] == palette.surface
    assert theme["textColor"] == palette.text
    assert theme["borderColor"] == palette.line
    assert (theme["greenColor"], theme["redColor"]) == (palette.correct, palette.wrong)
    assert tuple(theme["chartCategoricalColors"]) == palette.digits
    assert tuple(theme["chartSequentialColors"]) == palette.sequential


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_and_lines_stand_out_from_the_background(palette: Palette) -> None:
    assert contrast(palette.text, palette.background) >= 7
    assert contrast(palette.muted, palette.background) >= 4.5
    for colour in (palette.accent, palette.training, palette.validation, palette.correct, palette.wrong):
        assert contrast(colour, palette.background) >= 3, colour
