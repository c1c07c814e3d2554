"""Theme: every colour of the app, once for light and once for dark.

.streamlit/config.toml repeats the colours that Streamlit itself needs; a test compares the two. A
search chose the colours of the four named series and of the ten digits so that they differ for
normal vision and for simulated deuteranopia, protanopia and tritanopia. The steps of the sequential
maps are even in OKLab lightness.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as #rrggbb. The same thing has the same colour on every page."""

    background: str
    surface: str  # fields, cards
    text: str
    muted: str  # axes, captions, details
    line: str  # grids and borders
    accent: str  # buttons, links, the answer
    training: str
    validation: str
    correct: str
    wrong: str
    digits: tuple[str, ...]  # one per class, in order
    sequential: tuple[str, ...]  # ten steps from nothing to everything


LIGHT = Palette(
    background="#ffffff",
    surface="#f4f6f9",
    text="#1c2430",
    muted="#5b6675",
    line="#d9dfe7",
    accent="#0f4c9e",
    training="#0f4c9e",
    validation="#b8621b",
    correct="#1d9a86",
    wrong="#8a1538",
    digits=(
        "#243071", "#cb7002", "#399175", "#8f79cb", "#591617", "#bc3f1d", "#714fb7", "#55b58b", "#7f4453", "#cd97d8",
    ),
    sequential=(
        "#ffffff", "#d7e7f9", "#b0cff2", "#89b6eb", "#629ee2", "#4485ce", "#356db0", "#265693", "#183f76", "#0b2a5b",
    ),
)  # fmt: skip

DARK = Palette(
    background="#14171d",
    surface="#1e232c",
    text="#e8ebf0",
    muted="#9aa5b4",
    line="#343c49",
    accent="#70a2ed",
    training="#70a2ed",
    validation="#fea648",
    correct="#5fe3cf",
    wrong="#ee5a62",
    digits=(
        "#70c0ff", "#b6b360", "#ae2e8b", "#b6dba8", "#6564d8", "#f17ead", "#796527", "#9888f3", "#8d883a", "#bc6495",
    ),
    sequential=(
        "#1b2028", "#243449", "#2c4a6d", "#346092", "#3b77ba", "#5290d4", "#77a9e0", "#9cc2eb", "#c1dbf5", "#e6f4ff",
    ),
)  # fmt: skip
