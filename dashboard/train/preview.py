"""Preview: some of the training digits, and below each what training makes of it with the settings at hand."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.charts.images import image_columns
from dashboard.components import resources
from dashboard.session import state
from dashboard.train.state import page_state
from dataset import DataError, load_training
from model.augmentation import Augmenter
from model.rng import Purpose, rng

DIGITS, VARIATIONS = 4, 3  # 16 images, large enough to see the strokes


@st.fragment
def render_preview(source: str, strengths: dict[str, float]) -> None:
    """For a source that is at hand; one that cannot be read says so where it is chosen."""
    path = Path(source)
    try:
        examples = some_of_each(source, resources.version(path) if path.is_file() else None)
    except DataError:
        return
    augmenter = Augmenter(**strengths)
    columns = [
        (
            name,
            [image, *(variation(image, augmenter, page_state.preview_draws, row, copy) for copy in range(VARIATIONS))],
        )
        for row, (name, image) in enumerate(examples)
    ]
    st.html(image_columns(columns, state.palette()))
    if augmenter.active:
        st.caption("On top digits as they are, below each of them three of the ways in which training shows it.")
    else:
        st.caption("All of this is off: training shows every digit just as it is. Move a slider to see what it does.")
    st.button("Draw again", icon=":material/casino:", disabled=not augmenter.active, on_click=draw_again)


def draw_again() -> None:
    page_state.preview_draws += 1


def variation(image: NDArray[np.uint8], augmenter: Augmenter, *draw: int) -> NDArray[np.uint8]:
    """What a training step might make of an image (28, 28). The same draw differs by the strengths alone."""
    out = np.empty((1, image.size), np.float32)
    augmenter.augment(image.reshape(1, -1), rng(0, Purpose.AUGMENTATION, *draw), out=out)
    return np.rint(out).astype(np.uint8).reshape(image.shape)


@st.cache_data(max_entries=20, show_spinner="Reading the digits")
def some_of_each(source: str, version: tuple[int, int] | None) -> list[tuple[str, NDArray[np.uint8]]]:
    """The first training digits of different classes, with their names; of fewer classes, the first at all."""
    digits, _ = load_training(source, 0)
    _, firsts = np.unique(digits.labels, return_index=True)
    rows = list(dict.fromkeys([*sorted(firsts), *range(min(DIGITS, len(digits)))]))[:DIGITS]
    return [(digits.classes[digits.labels[row]], digits.images[row].copy()) for row in rows]
