"""Image layers: the texts that name convolutions and poolings in a config, such as "conv 16"."""

import re
from dataclasses import dataclass

PATTERNS = {
    "conv": re.compile(
        r"conv (?P<filters>\d+)(?: (?P<size>\d+)x(?P=size))?(?: stride (?P<stride>\d+))?(?P<valid> valid)?"
    ),
    "residual": re.compile(r"residual (?P<filters>\d+)"),
    "max-pool": re.compile(r"max-pool(?: (?P<size>\d+)x(?P=size))?"),
    "average-pool": re.compile(r"average-pool(?: (?P<size>\d+)x(?P=size))?"),
}
KINDS = tuple(PATTERNS)
MAX_LAYERS, MAX_FILTERS = 12, 256
KERNELS = (1, 3, 5, 7)
GRAMMAR = "conv 16, conv 16 5x5, conv 16 stride 2, conv 16 valid, residual 32, max-pool, max-pool 3x3 or average-pool"


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
        parts = [self.kind]
        if self.kind in ("conv", "residual"):
            parts.append(str(self.filters))
        if self.size != _default_size(self.kind):
            parts.append(f"{self.size}x{self.size}")
        if self.stride > 1:
            parts.append(f"stride {self.stride}")
        if self.padding == "valid":
            parts.append("valid")
        return " ".join(parts)


def read_image_layer(text: str) -> ImageLayer:
    """The image layer that a text names. Raises ValueError."""
    for kind, pattern in PATTERNS.items():
        if found := pattern.fullmatch(" ".join(text.split())):
            given = {name: int(value) for name, value in found.groupdict().items() if value and value.isdigit()}
            padding = "valid" if found.groupdict().get("valid") else "same"
            layer = ImageLayer(kind, **{"size": _default_size(kind)} | given, padding=padding)
            _check(layer)
            return layer
    raise ValueError(f"there is no image layer {text!r}; write {GRAMMAR}.")


def _default_size(kind: str) -> int:
    return 3 if kind in ("conv", "residual") else 2


def _check(layer: ImageLayer) -> None:
    if layer.kind in ("conv", "residual") and not 1 <= layer.filters <= MAX_FILTERS:
        raise ValueError(f"{layer.kind} has 1 to {MAX_FILTERS} filters, got {layer.filters}.")
    if layer.kind == "conv" and layer.size not in KERNELS:
        sizes = ", ".join(f"{size}x{size}" for size in KERNELS)
        raise ValueError(f"the kernel of conv is {sizes}, got {layer.size}x{layer.size}.")
    if layer.kind == "conv" and not 1 <= layer.stride <= 4:
        raise ValueError(f"the stride of conv is 1 to 4, got {layer.stride}.")
    if "pool" in layer.kind and not 2 <= layer.size <= 14:
        raise ValueError(f"{layer.kind} has windows of 2x2 to 14x14, got {layer.size}x{layer.size}.")
