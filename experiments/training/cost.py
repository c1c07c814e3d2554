"""Cost: about how long a run will take, from what its steps cost and how fast this machine was lately."""

from collections.abc import Iterable
from statistics import median

from experiments.runs.run import Run, RunError
from model import TrainConfig
from model.build import build_layers, count_products

# Seconds on one core of 2.5 GHz, within 40 %: a step, and in it each image, each parameter, and each of both.
STEP, IMAGE, PARAMETER, PRODUCT = 1e-4, 5e-7, 1.4e-9, 3.5e-11
NUMBER = 3.6e-9  # likewise for each number of the images between its layers: they come from memory, and go there
WARPED, WIDENED = 3.5e-6, 2.7e-6  # likewise for each image that is moved or distorted, or whose strokes change
START = 1.0  # until a new process trains
LATELY = 3  # runs that say how fast the machine is


def expected_seconds(config: TrainConfig, images: int, slowness: float) -> float:
    """About how long `images` training images will take with this config, from the click on."""
    return START + training_seconds(config, images, slowness)


def training_seconds(config: TrainConfig, images: int, slowness: float) -> float:
    """The same without the start of a process."""
    return slowness * config.total_steps(images) * _step_seconds(config, images)


def slowness(runs: Iterable[Run]) -> float:
    """Measured over reckoned seconds of the latest runs, newest first; 1 where there are none."""
    ratios: list[float] = []
    for run in runs:
        try:
            status, config = run.status(), run.config
        except RunError:
            continue
        if status.images and status.images_per_second and status.seconds > 1:  # a shorter one measures its start
            batch = config.batch_size or status.images
            ratios.append(batch / status.images_per_second / _step_seconds(config, status.images))
        if len(ratios) == LATELY:
            break
    return median(ratios) if ratios else 1.0


def _step_seconds(config: TrainConfig, images: int) -> float:
    batch = min(config.batch_size or images, images)
    warped = any((config.shift, config.rotation, config.scale, config.shear, config.elastic))
    numbers = sum(layer.units for layer in build_layers(config) if len(layer.output_shape) == 3)
    image = IMAGE + WARPED * warped + WIDENED * bool(config.stroke_width) + NUMBER * numbers
    return STEP + image * batch + config.parameter_count() * PARAMETER + count_products(config) * PRODUCT * batch
