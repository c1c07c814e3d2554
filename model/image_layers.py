"""Image layers: the texts that name convolutions and poolings in a config, such as "conv 16"."""

import re
from dataclasses import dataclass
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of image layer: its name and explanation on pages, examples and pattern of its text.

    The named groups of `pattern` are the settings that a layer of this kind has. `size` is the
    default side of the kernel or of the window in pixels; 0: it has none.
    """

    name: str
    explanation: str
    examples: tuple[str, ...]
    pattern: re.Pattern[str]
    size: int = 0

    def has(self, setting: str) -> bool:
        """Whether a layer of this kind has the setting: filters, size, stride or valid."""
        return setting in self.pattern.groupindex


_SIZE = r"(?: (?P<size>\d+)x(?P=size))?"
KINDS = {
    "conv": Kind(
        "Convolution",
        "The same small filters at every place of the image. Each filter makes a new image.",
        ("conv 16", "conv 16 5x5", "conv 16 stride 2", "conv 16 valid"),
        re.compile(rf"conv (?P<filters>\d+){_SIZE}(?: stride (?P<stride>\d+))?(?P<valid> valid)?"),
        size=3,
    ),
    "residual": Kind(
        "Residual block",
        "Two 3×3 convolutions whose result is added to their input: deep networks train better.",
        ("residual 32",),
        re.compile(r"residual (?P<filters>\d+)"),
        size=3,
    ),
    "max-pool": Kind(
        "Max pooling",
        "The largest number of each window. The image gets smaller.",
        ("max-pool", "max-pool 3x3"),
        re.compile(rf"max-pool{_SIZE}"),
        size=2,
    ),
    "average-pool": Kind(
        "Average pooling",
        "The mean of each window. The image gets smaller.",
        ("average-pool",),
        re.compile(rf"average-pool{_SIZE}"),
        size=2,
    ),
}
MAX_LAYERS, MAX_FILTERS = 12, 256
KERNELS = (1, 3, 5, 7)
_EXAMPLES = [example for kind in KINDS.values() for example in kind.examples]
GRAMMAR = f"{', '.join(_EXAMPLES[:-1])} or {_EXAMPLES[-1]}"


@dataclass(frozen=True)
class ImageLayer:
    """One image layer.

    filters: of conv and residual. size: side of the kernel or of the pooling window, in pixels.
    """

    kind: str
    filters: int = 0
    size: int = 0
    stride: int = 1
    padding: str = "same"

    @property
    def text(self) -> str:
        """The shortest text for this layer."""
        kind, parts = KINDS[self.kind], [self.kind]
        if kind.has("filters"):
            parts.append(str(self.filters))
        if self.size != kind.size:
            parts.append(f"{self.size}x{self.size}")
        if self.stride > 1:
            parts.append(f"stride {self.stride}")
        if self.padding == "valid":
            parts.append("valid")
        return " ".join(parts)


def read_image_layer(text: str) -> ImageLayer:
    """The image layer that a text names. Raises ValueError."""
    for name, kind in KINDS.items():
        if found := kind.pattern.fullmatch(" ".join(text.split())):
            given = found.groupdict()
            numbers = {setting: int(value) for setting, value in given.items() if value and value.isdigit()}
            padding = "valid" if given.get("valid") else "same"
            layer = ImageLayer(name, **{"size": kind.size} | numbers, padding=padding)
            _check(layer)
            return layer
    raise ValueError(f"there is no image layer {text!r}; write {GRAMMAR}.")


def _check(layer: ImageLayer) -> None:
    if KINDS[layer.kind].has("filters") and not 1 <= layer.filters <= MAX_FILTERS:
        raise ValueError(f"{layer.kind} has 1 to {MAX_FILTERS} filters, got {layer.filters}.")
    if layer.kind == "conv" and layer.size not in KERNELS:
        sizes = ", ".join(f"{size}x{size}" for size in KERNELS)
        raise ValueError(f"the kernel of conv is {sizes}, got {layer.size}x{layer.size}.")
    if layer.kind == "conv" and not 1 <= layer.stride <= 4:
        raise ValueError(f"the stride of conv is 1 to 4, got {layer.stride}.")
    if "pool" in layer.kind and not 2 <= layer.size <= 14:
        raise ValueError(f"{layer.kind} has windows of 2x2 to 14x14, got {layer.size}x{layer.size}.")
