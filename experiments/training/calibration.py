"""Calibration: how many processor threads train this very network fastest, here and now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from threadpoolctl import threadpool_limits

from dataset import Digits, load_training
from experiments.jobs.launch import usable_cores
from experiments.runs.config import BOUNDS, RunConfig
from model import StepDone, build_trainer

SECONDS = 2.0  # in all
SLICE_SECONDS = 0.05  # of training at a stretch; the numbers of threads take turns, so that other work hits them alike
WORTH_IT = 1.1  # more threads take cores from other work, so they must be faster by so much
IMAGES = 16_384  # enough for any batch whose parts are like those of a larger one


def calibrate_threads(config: RunConfig) -> tuple[int, str]:
    """The number of threads to train with, and why, in a line."""
    train, _ = load_training(config.data, config.validation_share, config.training_images)
    return choose_threads(measure_speeds(config, train[:IMAGES]))


def choose_threads(speeds: Mapping[int, float]) -> tuple[int, str]:
    """From images per second by number of threads: one thread, unless more of them are worth it."""
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


def measure_speeds(config: RunConfig, train: Digits, seconds: float = SECONDS) -> dict[int, float]:
    """Images per second by number of threads, over steps of a real training whose weights are thrown away."""
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
    return {threads: median(found) for threads, found in slices.items()}


def thread_choices() -> list[int]:
    """1, 2, 4 and so on, up to the cores that this process may use."""
    return [2**power for power in range(min(usable_cores(), int(BOUNDS["threads"].high)).bit_length())]
