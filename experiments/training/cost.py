"""Cost: how long training takes, and how many processor threads make it fastest."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from statistics import median

from threadpoolctl import threadpool_limits

from dataset import Digits, count_by_digit, load_training
from experiments.jobs.launch import usable_cores
from experiments.runs.config import BOUNDS, RunConfig
from experiments.runs.run import Run, RunError
from model import StepDone, TrainConfig, build_trainer
from model.build import build_layers, count_products

# Seconds on one core of 2.5 GHz, within 40 %: a step, and in it each image, each parameter, and
# each of both.
STEP, IMAGE, PARAMETER, PRODUCT = 1e-4, 5e-7, 1.4e-9, 3.5e-11
NUMBER = 3.6e-9  # likewise for each number of the images between its layers, which is read from memory and written back
WARPED, WIDENED = 3.5e-6, 2.7e-6  # likewise for each image that is moved or distorted, or whose strokes change
START = 1.0  # until a new process trains
LATEST_RUNS = 3  # from which the speed of this machine is measured

CALIBRATION_SECONDS = 2.0  # in all
SLICE_SECONDS = (
    0.05  # of training at a stretch; the thread counts alternate, so that other work slows all of them alike
)
WORTH_IT = 1.1  # more threads take cores from other work, so they must be faster by this factor
CALIBRATION_IMAGES = 16_384  # enough for any batch whose parts are like those of a larger one


def expected_seconds(config: TrainConfig, images: int, slowness: float) -> float:
    """About how many seconds training on `images` images takes, with the start of its process."""
    return START + training_seconds(config, images, slowness)


def training_seconds(config: TrainConfig, images: int, slowness: float) -> float:
    """About how many seconds training on `images` images will take, once it has begun."""
    return slowness * config.total_steps(images) * _step_seconds(config, images)


def training_images(config: RunConfig, pool: int) -> int:
    """The number of images that a run trains on, drawings as often as their weight says.

    `pool`: digits of its source that are no test digits.
    """
    images = pool - round(pool * config.validation_share)
    return min(images, config.training_images or images) + config.drawings_weight * int(count_by_digit().sum())


def slowness(runs: Iterable[Run]) -> float:
    """Measured seconds divided by estimated ones, of the latest runs, which come newest first.

    1 where there are none.
    """
    ratios: list[float] = []
    for run in runs:
        try:
            status, config = run.status(), run.config
        except RunError:
            continue
        if status.images and status.images_per_second and status.seconds > 1:  # a shorter one measures its start
            batch = config.batch_size or status.images
            ratios.append(batch / status.images_per_second / _step_seconds(config, status.images))
        if len(ratios) == LATEST_RUNS:
            break
    return median(ratios) if ratios else 1.0


def _step_seconds(config: TrainConfig, images: int) -> float:
    batch = min(config.batch_size or images, images)
    warped = any((config.shift, config.rotation, config.scale, config.shear, config.elastic))
    numbers = sum(layer.units for layer in build_layers(config) if len(layer.output_shape) == 3)
    image = IMAGE + WARPED * warped + WIDENED * bool(config.stroke_width) + NUMBER * numbers
    return STEP + image * batch + config.parameter_count() * PARAMETER + count_products(config) * PRODUCT * batch


def calibrate_threads(config: RunConfig) -> tuple[int, str]:
    """The number of threads that trains this network fastest here and now, and why, in a line."""
    train, _ = load_training(config.data, config.validation_share, config.training_images)
    return choose_threads(measure_speeds(config, train[:CALIBRATION_IMAGES]))


def choose_threads(speeds: Mapping[int, float]) -> tuple[int, str]:
    """The best number of threads, from images per second by number of threads, and why.

    One thread, unless more are worth it.
    """
    if len(speeds) == 1:
        return 1, "1 thread: there is one core here."
    fastest = max(speeds, key=lambda threads: speeds[threads])
    ratio = speeds[fastest] / speeds[1]
    if ratio >= WORTH_IT:
        return fastest, f"{fastest} threads: {speeds[fastest]:,.0f} images/s, {ratio:.1f} times one thread."
    if fastest > 1:
        return 1, f"1 thread: {speeds[1]:,.0f} images/s; {fastest} threads are only {ratio:.2f} times as fast."
    others = ", ".join(f"{speed:,.0f} with {threads}" for threads, speed in speeds.items() if threads > 1)
    return 1, f"1 thread is fastest here: {speeds[1]:,.0f} images/s, {others}."


def measure_speeds(config: RunConfig, train: Digits, seconds: float = CALIBRATION_SECONDS) -> dict[int, float]:
    """Images per second by number of threads, measured on steps of a real training."""
    # A tiny rate, so that no network diverges, and more steps than there is time for.
    trained = config.replace(learning_rate=BOUNDS["learning_rate"].low, steps=int(BOUNDS["steps"].high), patience=0)
    trainer = build_trainer(trained, train, train[:0])
    events = trainer.train()
    images = len(train) / trainer.steps_per_epoch

    def speed(threads: int) -> float:
        steps, began = 0, time.perf_counter()
        with threadpool_limits(threads):
            while not steps or time.perf_counter() < began + SLICE_SECONDS:
                steps += isinstance(next(events), StepDone)
        return steps * images / (time.perf_counter() - began)

    choices = thread_choices()
    for threads in choices:
        speed(threads)  # the first steps are slow
    slices: dict[int, list[float]] = {threads: [] for threads in choices}
    end = time.perf_counter() + seconds
    while not slices[1] or time.perf_counter() < end:
        for threads in choices:
            slices[threads].append(speed(threads))
    return {threads: median(speeds) for threads, speeds in slices.items()}


def thread_choices() -> list[int]:
    """1, 2, 4 and so on, up to the cores that this process may use."""
    return [2**power for power in range(min(usable_cores(), int(BOUNDS["threads"].high)).bit_length())]
