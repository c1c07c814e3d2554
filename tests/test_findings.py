"""Findings: invented results with a known truth, and the sentences about them."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments.sweeps import Trial, findings
from experiments.sweeps.findings import find_ties, working_values
from experiments.sweeps.importance import Importance, importances
from experiments.sweeps.space import Range, Space

SPACE: Space = {
    "learning_rate": Range(0.0001, 1.0, log=True),
    "width": Range(8, 512, log=True),
    "optimizer": ("sgd", "adam", "adamw"),
    "dropout": Range(0.0, 0.5),
}
RATES, WIDTHS = (0.001, 0.005, 0.02, 0.1, 0.5, 1.0), (16, 64, 128, 256)
PLATEAU = {0.001: 0.6, 0.005: 0.85, 0.02: 0.92, 0.1: 0.96, 0.5: 0.962, 1.0: 0.9}

Surface = Callable[[dict[str, Any]], float]


def rate(params: dict[str, Any]) -> float:
    """-1 to 1 over the range, evenly by logarithm."""
    return (math.log10(params["learning_rate"]) + 2) / 2


def width(params: dict[str, Any]) -> float:
    return math.log(params["width"] / 64) / math.log(8)


def trial(number: int, params: dict[str, Any], *values: float, state: str = "done") -> Trial:
    return Trial(number, params, state, values=values)


def drawn(count: int, surface: Surface, noise: float = 0.0, seed: int = 0) -> list[Trial]:
    """Trials at random places of SPACE."""
    random = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        params = {
            "learning_rate": float(10 ** random.uniform(-4, 0)),
            "width": round(8 * 64 ** random.random()),
            "optimizer": str(random.choice(["sgd", "adam", "adamw"])),
            "dropout": float(random.uniform(0, 0.5)),
        }
        trials.append(trial(number, params, surface(params) + noise * random.standard_normal()))
    return trials


def grid(surface: Surface, *, seeds: int = 1, noise: float = 0.001) -> list[Trial]:
    """Every learning rate with every width."""
    random = np.random.default_rng(0)
    cells = [{"learning_rate": rate, "width": width} for rate, width in itertools.product(RATES, WIDTHS)]
    return [
        trial(number, cell, *(surface(cell) + noise * random.standard_normal(seeds)))
        for number, cell in enumerate(cells)
    ]


def plateau(params: dict[str, Any]) -> float:
    return PLATEAU[params["learning_rate"]] + 0.004 * width(params)


def peak(params: dict[str, Any]) -> float:
    return 0.96 - 0.3 * rate(params) ** 2 + 0.01 * width(params)


def shares(*names: str) -> tuple[Importance, ...]:
    """As if a forest had found the first of these settings clearly the most important."""
    found = [Importance(name, 0.05, 0.01, 0.1, 1.0) for name in names]
    return (Importance(names[0], 0.714, 0.6, 0.8, 0.01), *found[1:])


def sentence_of(trials: list[Trial], *names: str, objective: str = "validation_accuracy") -> str:
    names = names or ("learning_rate", "width")
    return findings.sentence(SPACE, trials, shares(*names), objective=objective, images=333)


@pytest.mark.parametrize("share", [0.9, 0.71, 0.5])
def test_the_shares_of_an_additive_surface_are_found(share: float) -> None:
    trials = drawn(100, lambda params: math.sqrt(share) * rate(params) + math.sqrt(1 - share) * width(params))
    found = {importance.name: importance.share for importance in importances(SPACE, trials)}
    assert found["learning_rate"] == pytest.approx(share, abs=0.1)
    assert found["width"] == pytest.approx(1 - share, abs=0.1)
    assert found["dropout"] < 0.05 > found["optimizer"]


def test_a_setting_of_words_gets_its_share_too() -> None:
    heights = {"sgd": 0.0, "adam": 1.0, "adamw": 1.1}
    (first, *_) = importances(SPACE, drawn(60, lambda params: heights[params["optimizer"]], 0.05))
    assert (first.name, first.clear) == ("optimizer", True)
    assert first.share > 0.9


def test_a_wide_range_counts_by_its_logarithm() -> None:
    """By the plain value nine tenths of the range lie above 0.1, where this surface is flat."""
    trials = drawn(80, lambda params: float(params["learning_rate"] > 0.01) + 0.5 * width(params))
    found = {importance.name: importance.share for importance in importances(SPACE, trials)}
    assert found["learning_rate"] == pytest.approx(0.25 / (0.25 + 0.25 / 3), abs=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 40])
def test_noise_alone_is_hardly_ever_taken_for_a_finding(count: int) -> None:
    found = [importances(SPACE, drawn(count, lambda _: 0.9, 0.02, seed)) for seed in range(10)]
    assert sum(first.clear for first, *_ in found) <= 2  # of 10, every other time 1 is to be expected


@pytest.mark.parametrize("count", [12, 40])
def test_the_sentence_about_noise_claims_nothing(count: int) -> None:
    sentence = findings.summarize(SPACE, drawn(count, lambda _: 0.9, 0.02), images=333).sentence
    assert sentence.startswith("No setting stands out")
    assert "may be chance" in sentence
    assert "explains" not in sentence
    assert "works" not in sentence


def test_of_two_settings_the_one_that_matters_stands_out_in_a_small_grid() -> None:
    trials = grid(lambda params: 0.9 + 0.05 * rate(params), noise=0.002)
    (first, second) = importances({name: SPACE[name] for name in ("learning_rate", "width")}, trials)
    assert (first.name, first.clear, second.clear) == ("learning_rate", True, False)


def test_the_p_of_a_setting_is_that_of_all_permutations() -> None:
    """Eight results, the four highest with one value of the setting: 2 of the 70 permutations are
    as clear.
    """
    values = [0.5, 0.51, 0.52, 0.53, 0.9, 0.91, 0.92, 0.93]
    trials = [
        trial(number, {"optimizer": "adam" if number > 3 else "sgd"}, value) for number, value in enumerate(values)
    ]
    (found,) = importances({"optimizer": ("sgd", "adam")}, trials)
    assert found.p == pytest.approx(2 / 70, abs=0.012)


def test_more_trials_make_the_interval_narrower() -> None:
    few, many = (importances(SPACE, drawn(count, peak, 0.01))[0] for count in (12, 60))
    assert few.high - few.low > 2 * (many.high - many.low)


@pytest.mark.alone
def test_a_hundred_trials_of_four_settings_take_under_a_second() -> None:
    trials = drawn(100, peak, 0.01)
    findings.summarize(SPACE, trials, images=333)  # imports
    times = []
    for _ in range(3):
        began = time.process_time()
        findings.summarize(SPACE, trials, images=333)
        times.append(time.process_time() - began)
    assert min(times) < 1.0


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ([], "No trial has finished yet."),
        ([trial(0, {"learning_rate": 0.1}, state="running")], "No trial has finished yet."),
        (drawn(1, peak), "One trial has finished: too few to tell which setting matters; 8 are the least."),
        (drawn(5, peak), "5 trials have finished: too few to tell which setting matters; 8 are the least."),
        (
            [trial(number, drawn(1, peak)[0].params, 0.9) for number in range(8)],
            "All finished trials have the same settings: there is nothing to compare yet.",
        ),
        (
            drawn(12, lambda _: 0.1),
            "All 12 finished trials came to the same result: nothing that was searched matters here.",
        ),
    ],
)
def test_a_search_without_a_finding_gives_a_sentence_that_says_it(trials: list[Trial], sentence: str) -> None:
    found = findings.summarize(SPACE, trials, images=333)
    assert found.sentence == sentence
    assert found.importances == ()


def test_the_range_that_works_is_the_plateau() -> None:
    sentence = findings.summarize(SPACE, grid(plateau), images=333).sentence
    assert sentence == "Learning rate explains 100 % of the difference; 0.1–0.5 works for every width tried."


def test_with_several_seeds_the_seeds_tell_the_range() -> None:
    sentence = sentence_of(grid(plateau, seeds=3, noise=0.006))
    assert sentence.startswith("Learning rate explains 71 % of the difference (60 to 80 %); 0.1–0.5 works")


def test_one_failure_inside_a_range_cuts_it() -> None:
    trials = grid(plateau)
    spoiled = next(t for t in trials if t.params == {"learning_rate": 0.5, "width": 64})
    for other in (
        trial(spoiled.number, spoiled.params, 0.7),
        trial(spoiled.number, spoiled.params, state="diverged"),
        trial(spoiled.number, spoiled.params, state="pruned"),
    ):
        changed = [other if t is spoiled else t for t in trials]
        assert working_values(changed, "learning_rate", "width", images=333) == (0.1, 0.1)


def test_what_works_only_for_some_is_not_said_to_work_for_all() -> None:
    """The best rate falls as the network grows: no rate is good everywhere."""
    trials = grid(lambda params: 0.95 - 0.3 * abs(rate(params) + width(params)))
    assert working_values(trials, "learning_rate", "width", images=333) == ()
    assert "works" not in sentence_of(trials)


def test_a_width_at_which_little_was_tried_forbids_every() -> None:
    trials = [*grid(plateau), trial(99, {"learning_rate": 0.1, "width": 512}, 0.97)]
    assert working_values(trials, "learning_rate", "width", images=333) == ()
    assert "works" not in sentence_of(trials)


def test_a_running_trial_is_not_judged() -> None:
    trials = [*grid(plateau), trial(99, {"learning_rate": 0.1, "width": 512}, 0.2, state="running")]
    assert sentence_of(trials) == sentence_of(grid(plateau))


def test_everything_between_the_ends_of_a_range_has_worked() -> None:
    for seed in range(5):
        trials = drawn(60, lambda params: 0.96 - 0.15 * max(0.0, abs(rate(params)) - 0.4), 0.003, seed)
        span = working_values(trials, "learning_rate", "width", images=333)
        assert span, sentence_of(trials)
        inside = [t for t in trials if span[0] <= t.params["learning_rate"] <= span[1]]
        assert len(inside) >= 3
        assert min(t.value or 0 for t in inside) > 0.92
        assert "works at low, middle and high width" in sentence_of(trials)


def test_words_that_work_are_listed() -> None:
    heights = {"sgd": 0.8, "adam": 0.96, "adamw": 0.965}
    cells = itertools.product(heights, WIDTHS)
    trials = [
        trial(number, {"optimizer": optimizer, "width": width}, heights[optimizer] + width / 1e5)
        for number, (optimizer, width) in enumerate(cells)
    ]
    assert sentence_of(trials, "optimizer", "width").endswith("; adam and adamw work for every width tried.")


def test_a_single_setting_is_not_called_important() -> None:
    trials = [trial(number, {"learning_rate": rate}, PLATEAU[rate]) for number, rate in enumerate(RATES * 2)]
    assert (
        sentence_of(trials, "learning_rate")
        == "Only the learning rate differs between the trials; 0.1–0.5 cannot be told from the best."
    )


def test_a_flat_top_over_the_whole_range_has_no_value_that_works_best() -> None:
    trials = [trial(number, {"learning_rate": rate}, 0.95 + rate / 1e3) for number, rate in enumerate(RATES * 2)]
    assert sentence_of(trials, "learning_rate").endswith("but no learning rate tried is surely worse than the best.")


def test_diverged_and_pruned_trials_are_left_out_and_counted_in_a_sentence() -> None:
    trials = [replace(t, state="diverged", values=()) if t.params["learning_rate"] == 1.0 else t for t in grid(plateau)]
    trials += [trial(90, {"learning_rate": 0.001, "width": 32}, 0.2, state="pruned")]
    found = findings.summarize(SPACE, trials, images=333)
    assert "4 trials diverged, all with a learning rate of 1 or more: not counted." in found.sentence
    assert "1 trial stopped early: not counted." in found.sentence
    assert not {t.number for t in trials if t.state != "done"} & set(found.ties.numbers)


def test_divergence_here_and_there_is_not_blamed_on_a_setting() -> None:
    trials = grid(plateau)
    trials[0] = replace(trials[0], state="diverged", values=())
    assert "1 trial diverged: not counted." in sentence_of(trials)


def test_without_a_range_the_sentence_names_the_best_of_each_group() -> None:
    """A loss of one seed has no ties, so nothing is said to work as well."""
    sentence = sentence_of(
        [replace(t, values=(1 - (t.value or 0),)) for t in grid(plateau)], objective="validation_loss"
    )
    assert sentence.endswith("; the best for every width tried had 0.5.")


def test_trials_with_one_seed_tie_inside_the_interval_of_the_best() -> None:
    trials = [trial(number, {}, value) for number, value in enumerate([0.94, 0.97, 0.96, 0.90])]
    found = find_ties(trials, images=333)
    assert found.numbers == (1, 2)
    assert found.test == "Tied: inside the 95 % interval of the best on 333 digits, 94.6\xa0% to 98.4\xa0%."
    assert find_ties(trials, images=50_000).numbers == (1,)


def test_trials_with_several_seeds_tie_by_their_spread() -> None:
    best = trial(0, {}, 0.970, 0.971, 0.972)
    overlapping = trial(1, {}, 0.960, 0.965, 0.9705)
    near = trial(2, {}, 0.9, 0.93, 0.969)
    worse = trial(3, {}, 0.960, 0.961, 0.962)
    found = find_ties([worse, near, overlapping, best])
    assert found.numbers == (0, 1, 2)
    assert "seeds overlap" in found.test


def test_a_lower_loss_is_better() -> None:
    low, high = trial(0, {}, 0.10, 0.11, 0.12), trial(1, {}, 0.20, 0.21, 0.22)
    assert find_ties([high, low], objective="validation_loss").numbers == (0,)
    assert find_ties([high, low]).numbers == (1,)


def test_the_same_result_always_find_ties() -> None:
    trials = [trial(number, {}, 0.5) for number in range(3)]
    assert find_ties(trials, objective="validation_loss").numbers == (0, 1, 2)


def test_one_seed_of_a_loss_does_not_show_find_ties() -> None:
    assert "several seeds" in find_ties([trial(0, {}, 0.1)], objective="validation_loss").test


def test_numbers_are_short_and_never_promise_more_than_was_seen() -> None:
    assert findings.range_text(0.008623, 0.012771) == "0.0087–0.012"
    assert findings.range_text(0.00316, 0.5) == "0.00316–0.5"
    assert findings.range_text(16, 60_000) == "16–60,000"
    assert findings.range_text(0.0, 0.25) == "0–0.25"
