"""Previews of the settings: the network layer by layer, and training images after augmentation."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.charts.images import image_columns
from dashboard.components import resources
from dashboard.components.forms import named
from dashboard.components.image_layers import layer_text
from dashboard.session import state
from dashboard.theme import Palette
from dashboard.train.state import page_state
from dataset import DataError, load_training
from experiments.formats import MISSING, percent
from model import TrainConfig
from model.augmentation import Augmenter
from model.build import IMAGE, PIXELS, describe_layers
from model.image_layers import KINDS, read_image_layer
from model.layers import Shape
from model.rng import Purpose, rng

IMAGE_SIZE = 1.4  # rem, of the square that stands for an image of the input's size
DIGITS, VARIATIONS = 4, 3  # 16 images, large enough to see the strokes


def layers_table(config: TrainConfig, palette: Palette) -> str:
    """A row for each layer: a square as large as its image, its name, output and parameters."""
    rows = [_row("Image", IMAGE, 0), *(_row(*layer) for layer in layer_rows(config))]
    total = f'<tr><th colspan="3">In all</th><td>{config.parameter_count():,}</td></tr>'
    return (
        f'<table class="layers" style="--line: {palette.line}; --muted: {palette.muted}; --fill: {palette.accent};">'
        '<caption>Layer by layer</caption><thead><tr><th colspan="2">Layer</th><th>Output</th><th>Parameters</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody><tfoot>{total}</tfoot></table>"
    )


def layer_rows(config: TrainConfig) -> Iterator[tuple[str, Shape, int]]:
    """Name, output shape and number of parameters of each layer."""
    if not config.image_layers:
        yield "Flatten", (PIXELS,), 0  # the network has no such layer: its input is rows of pixels
    image_layers = map(read_image_layer, config.image_layers)
    for name, shape, parameters in describe_layers(config):
        kind = name.rstrip("0123456789")
        if kind in KINDS:
            text = layer_text(next(image_layers))
        elif kind == "dense":
            text = f"Dense, {shape[0]:,} units"
        elif kind == "dropout":
            text = f"Dropout {percent(config.dropout, 0)}"
        else:
            text = named(kind)
        yield text, shape, parameters


def _row(text: str, shape: Shape, parameters: int) -> str:
    side = IMAGE_SIZE * shape[0] / IMAGE[0]
    square = f'<i style="width: {side:.3g}rem; height: {side:.3g}rem;"></i>' if len(shape) == 3 else ""
    name = " ".join(f"<span>{escape(part)}</span>" for part in text.replace(", ", ",\n").split("\n"))
    output = " × ".join(f"{number:,}" for number in shape)
    learned = f"{parameters:,}" if parameters else MISSING
    return f"<tr><td>{square}</td><th>{name}</th><td>{output}</td><td>{learned}</td></tr>"


@st.fragment
def render_augmentation(source: str, strengths: dict[str, float]) -> None:
    """Some training digits, and random variations of each; nothing if the source cannot be read."""
    path = Path(source)
    try:
        examples = _examples(source, resources.version(path) if path.is_file() else None)
    except DataError:  # the page shows this error where the source is chosen
        return
    augmenter, draws = Augmenter(**strengths), page_state.preview_draws
    columns = [
        (name, [image, *(_variation(image, augmenter, draws, row, copy) for copy in range(VARIATIONS))])
        for row, (name, image) in enumerate(examples)
    ]
    st.html(image_columns(columns, state.palette()))
    if augmenter.active:
        st.caption("The top row shows digits unchanged; below each are three variations that training may show.")
    else:
        st.caption("All of this is off: training shows every digit unchanged. Move a slider to see its effect.")
    st.button("Draw again", icon=":material/casino:", disabled=not augmenter.active, on_click=_draw_again)


def _draw_again() -> None:
    page_state.preview_draws += 1


def _variation(image: NDArray[np.uint8], augmenter: Augmenter, *draw: int) -> NDArray[np.uint8]:
    """A random variation of an image (28, 28). Equal draws differ only by the strengths."""
    out = np.empty((1, image.size), np.float32)
    augmenter.augment(image.reshape(1, -1), rng(0, Purpose.AUGMENTATION, *draw), out=out)
    return np.rint(out).astype(np.uint8).reshape(image.shape)


@st.cache_data(max_entries=20, show_spinner="Reading the digits")
def _examples(source: str, version: tuple[int, int] | None) -> list[tuple[str, NDArray[np.uint8]]]:
    """Names and images of the first training digits, of different classes if there are enough."""
    digits, _ = load_training(source, 0)
    _, firsts = np.unique(digits.labels, return_index=True)
    rows = list(dict.fromkeys([*sorted(firsts), *range(min(DIGITS, len(digits)))]))[:DIGITS]
    return [(digits.classes[digits.labels[row]], digits.images[row].copy()) for row in rows]
