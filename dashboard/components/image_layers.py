"""Image layers: a row for each convolution or pooling layer, to add, change, move or remove."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.session import state
from model import ConfigError, TrainConfig
from model.image_layers import KERNELS, KINDS, MAX_FILTERS, MAX_LAYERS, ImageLayer, read_image_layer

PADDINGS = {
    "same": "Same: zeros around the image keep its size",
    "valid": "Valid: no padding, the image loses its edge",
}
READY: dict[str, tuple[str, ...]] = {
    "None": (),
    "Small": ("conv 16", "max-pool", "conv 32", "max-pool"),
    "Residual": ("conv 16", "max-pool", "residual 16", "max-pool", "residual 32", "average-pool 7x7"),
}
WIDTH = 320  # pixels of an open row; a phone has that many
USUAL = {"kind": "conv", "filters": 16, "kernel": 3, "stride": 1, "padding": "same", "window": 2}


def layer_text(layer: ImageLayer) -> str:
    """A layer in words: "Convolution 3×3, 16 filters"."""
    name = KINDS[layer.kind].name
    parts = [f"{name} {squared(layer.size)}" if layer.size else name]
    if layer.filters:
        parts.append(f"{layer.filters} filter{'s' * (layer.filters > 1)}")
    if layer.stride > 1:
        parts.append(f"stride {layer.stride}")
    if layer.padding == "valid":
        parts.append("valid")
    return ", ".join(parts)


def squared(size: int) -> str:
    """A size in two dimensions: "3×3"."""
    return f"{size}×{size}"


def misfit(words: Sequence[str]) -> tuple[int, str] | None:
    """Index of the first layer that does not fit the layers before it, and the error."""
    for place in range(len(words)):
        try:
            TrainConfig(image_layers=tuple(words[: place + 1]))
        except ConfigError as error:
            return place, sentence(error)
    return None


def sentence(error: Exception) -> str:
    """The message of an error, with a capital letter."""
    text = str(error)
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class ImageLayers:
    """The rows of one form, whose widgets have keys that begin with `name`."""

    name: str

    def key(self, part: str, place: int | None = None) -> str:
        """Key of a widget of the row with this index, or of the whole editor."""
        return f"{self.name}-{part}" if place is None else f"{self.name}-{part}-{place}"

    def fill(self, words: Iterable[str]) -> None:
        """Show these layers. Call it in a callback, or before the first widget is drawn."""
        layers = [read_image_layer(word) for word in words]
        state.set_widget(self.key("count"), len(layers))
        # An open row would show another layer now. With another key it is closed.
        state.set_widget(self.key("filled"), state.widget(self.key("filled"), 0) + 1)
        for place, layer in enumerate(layers):
            values: dict[str, Any] = USUAL | {"kind": layer.kind, "stride": layer.stride, "padding": layer.padding}
            values |= {"filters": layer.filters} if layer.filters else {}
            values |= {"window" if "pool" in layer.kind else "kernel": layer.size} if layer.size else {}
            for part, value in values.items():
                state.set_widget(self.key(part, place), value)

    def words(self) -> tuple[str, ...]:
        """The layers in the rows, as RunConfig names them."""
        return tuple(self._layer(place).text for place in range(state.widget(self.key("count"), 0)))

    def render(self) -> tuple[str, ...]:
        """Draw a choice of ready sets and the rows -> the layers, as RunConfig names them."""
        words, ready = self.words(), self.key("ready")
        state.set_widget(ready, next((name for name, those in READY.items() if those == words), None))
        st.segmented_control(
            "Image layers",
            list(READY),
            key=ready,
            help="Layers before the hidden ones that turn images into images. They treat every place alike. "
            "You can change each of them.",
            on_change=self._take_ready,
        )
        wrong = misfit(words)
        with st.container(key=self.key("rows"), gap="xsmall"):
            for place, word in enumerate(words):
                refused = wrong is not None and wrong[0] == place
                with (
                    st.popover(
                        f"{place + 1} · {layer_text(read_image_layer(word))}",
                        icon=":material/error:" if refused else None,
                        width="stretch",
                        key=f"{self.key('row', place)}-{state.widget(self.key('filled'))}",
                    ),
                    st.container(width=WIDTH),
                ):
                    self._render_layer(place, len(words))
                if wrong and refused:
                    st.error(wrong[1])
        full = len(words) == MAX_LAYERS
        st.button("Add a layer", icon=":material/add:", key=self.key("add"), on_click=self._add, disabled=full)
        return words

    def _layer(self, place: int) -> ImageLayer:
        kind, filters, kernel, stride, padding, window = (state.widget(self.key(part, place)) for part in USUAL)
        match kind:
            case "conv":
                return ImageLayer(kind, filters, kernel, stride, padding)
            case "max-pool" | "average-pool":
                return ImageLayer(kind, size=window)
            case _:
                return ImageLayer(kind, filters if KINDS[kind].has("filters") else 0, KINDS[kind].size)

    def _render_layer(self, place: int, count: int) -> None:
        """The settings of one layer, only those that its kind has."""

        def options(part: str) -> dict[str, Any]:
            return {"key": self.key(part, place), "persist_state": "session"}

        kind = st.selectbox("Layer", list(KINDS), format_func=lambda kind: KINDS[kind].name, **options("kind"))
        st.caption(KINDS[kind].explanation)
        if KINDS[kind].has("filters"):
            st.number_input("Filters", min_value=1, max_value=MAX_FILTERS, **options("filters"))
        if kind == "conv":
            st.selectbox("Kernel", KERNELS, format_func=squared, help="The size of a filter.", **options("kernel"))
            stride_help = "How many pixels a filter moves on each time; 2 halves the image."
            st.number_input("Stride", min_value=1, max_value=4, help=stride_help, **options("stride"))
            st.selectbox("Padding", list(PADDINGS), format_func=PADDINGS.__getitem__, **options("padding"))
        if "pool" in kind:
            st.selectbox("Window", range(2, 15), format_func=squared, **options("window"))
        with st.container(horizontal=True):
            for label, icon, to, off in (
                ("Up", "arrow_upward", place - 1, place == 0),
                ("Down", "arrow_downward", place + 1, place == count - 1),
                ("Remove", "delete", None, False),
            ):
                st.button(
                    label,
                    icon=f":material/{icon}:",
                    key=self.key(label.lower(), place),
                    disabled=off,
                    on_click=self._move,
                    args=(place, to),
                )

    def _take_ready(self) -> None:
        chosen = state.widget(self.key("ready"))
        if chosen is not None:
            self.fill(READY[chosen])

    def _add(self) -> None:
        """Add pooling after a convolution, else a convolution with twice as many filters."""
        words = self.words()
        layers = [read_image_layer(word) for word in words]
        if layers and layers[-1].kind == "conv":
            self.fill([*words, "max-pool"])
        else:
            widest = max((layer.filters for layer in layers), default=8)
            self.fill([*words, f"conv {min(2 * widest, 64)}"])

    def _move(self, place: int, to: int | None) -> None:
        """Move a layer to another index, or remove it."""
        words = list(self.words())
        word = words.pop(place)
        if to is not None:
            words.insert(to, word)
        self.fill(words)
