"""RunConfig: all settings of a run, its data included, so that it can be repeated from config.json
alone.
"""

from dataclasses import dataclass

from model import presets
from model.config import TrainConfig
from model.settings import Bounds, free, number


@dataclass(frozen=True)
class RunConfig(TrainConfig):
    """The network and its training, and where the digits come from."""

    data: str = free("mnist-5k", "Where the digits come from: a source's name, or the path of a CSV or IDX file.")
    validation_share: float = number(
        1 / 12, 0.0, 0.5, "Share of the training digits used for validation only, to watch for overfitting."
    )
    training_images: int = number(
        0, 0, 1_000_000, "Train on this many of the training digits only, the first ones; 0 takes all of them."
    )
    drawings_weight: int = number(
        0, 0, 100, "How many times each of your own drawings counts, each time a little changed; 0 leaves them out."
    )
    drawings_version: str = free("", "The version of your drawings, filled in when the run begins; empty: the newest.")
    label_corrections: str = free("", "The version of the corrected labels, or newest; empty: the original labels.")
    threads: int = number(1, 1, 64, "Processor threads for the matrix products; one is fastest for small networks.")
    start_from: str = free("", "Fingerprint of the model whose weights training starts from; empty: fresh weights.")


_DECLARED = RunConfig.declared().values()
BOUNDS: dict[str, Bounds] = {setting.name: setting.bounds for setting in _DECLARED if setting.bounds}
CHOICES: dict[str, tuple[str, ...]] = {setting.name: setting.choices for setting in _DECLARED if setting.choices}
HELP: dict[str, str] = {setting.name: setting.help for setting in _DECLARED}
PRESETS: dict[str, RunConfig] = {
    name: RunConfig.from_dict(preset.to_dict()) for name, preset in presets.PRESETS.items()
}
"""The presets of `model`, with the default data."""
