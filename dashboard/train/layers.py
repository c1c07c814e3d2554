"""Layers: a network as a table from the image to the answer, with what each layer makes of it and has to learn."""

from collections.abc import Iterator
from html import escape

import streamlit as st

from dashboard.components.forms import named
from dashboard.components.image_layers import in_words
from dashboard.session import state
from dashboard.theme import Palette
from model import TrainConfig
from model.build import IMAGE, PIXELS, describe_layers
from model.image_layers import KINDS, read_image_layer
from model.layers import Shape

TALL = 1.4  # rem, the drawing of an image as large as those that come in


def render_layers(config: TrainConfig) -> None:
    """The table, as an HTML table that style.css sets."""
    st.html(layers_table(config, state.palette()))


def layers_table(config: TrainConfig, palette: Palette) -> str:
    """A row for each layer: its image drawn to scale, its name, its output and its parameters; then the total."""
    rows = [_row("Image", IMAGE, 0), *(_row(*line) for line in lines(config))]
    total = f'<tr><th colspan="3">In all</th><td>{config.parameter_count():,}</td></tr>'
    return (
        f'<table class="layers" style="--line: {palette.line}; --muted: {palette.muted}; --fill: {palette.accent};">'
        '<caption>Layer by layer</caption><thead><tr><th colspan="2">Layer</th><th>Output</th><th>Parameters</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody><tfoot>{total}</tfoot></table>"
    )


def lines(config: TrainConfig) -> Iterator[tuple[str, Shape, int]]:
    """Each layer in words, its output shape, and its parameters."""
    if not config.image_layers:
        yield "Flatten", (PIXELS,), 0  # no layer: the digits come as rows of pixels
    words = map(read_image_layer, config.image_layers)  # each makes one layer of its kind, and in this order
    for name, shape, parameters in describe_layers(config):
        kind = name.rstrip("0123456789")
        if kind in KINDS:
            text = in_words(next(words))
        elif kind == "dense":
            text = f"Dense, {shape[0]:,} units"
        elif kind == "dropout":
            text = f"Dropout {100 * config.dropout:.0f}\N{NO-BREAK SPACE}%"
        else:
            text = named(kind)
        yield text, shape, parameters


def _row(text: str, shape: Shape, parameters: int) -> str:
    side = TALL * shape[0] / IMAGE[0]
    drawing = f'<i style="width: {side:.3g}rem; height: {side:.3g}rem;"></i>' if len(shape) == 3 else ""
    name = " ".join(f"<span>{escape(part)}</span>" for part in text.replace(", ", ",\n").split("\n"))
    output = " × ".join(f"{number:,}" for number in shape)
    learned = f"{parameters:,}" if parameters else "–"
    return f"<tr><td>{drawing}</td><th>{name}</th><td>{output}</td><td>{learned}</td></tr>"
