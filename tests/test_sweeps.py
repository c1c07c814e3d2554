"""Sweeps: every trial is made once, also when drivers, workers or runs are stopped or killed."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import psutil
import pytest

from experiments.runs import control as jobs
from experiments.runs.run import open_run
from experiments.runs.table import list_runs
from experiments.sweeps import (
    Sweep,
    SweepError,
    SweepSpec,
    Trial,
    create_sweep,
    driver,
    list_sweeps,
    open_sweep,
    resume_sweep,
    start_sweep,
    sweeps_folder,
    unused_name,
)
from experiments.sweeps.driver import run_sweep
from experiments.sweeps.space import Range
from experiments.sweeps.study import Study, make_sampler, open_storage
from experiments.training.cost import START
from tests.small_runs import ENDLESS, SMALL, log, to_end, until

LONG = SMALL.replace(epochs=12)


@pytest.fixture
def here():
    """Trains in this process, which starts no other: two runs at once."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


def grid(name="grid", base=SMALL, **changes):
    space = {"learning_rate": (0.001, 0.01, 0.1), "hidden": ((8,), (16,))}
    return SweepSpec(**{"name": name, "base": base, "search": space, "sampler": "grid", "workers": 2} | changes)


def some(trials, name="some", **changes):
    space = {"learning_rate": Range(0.001, 0.1, log=True), "dropout": Range(0.0, 0.5)}
    return SweepSpec(**{"name": name, "base": SMALL, "search": space, "trials": trials, "workers": 2} | changes)


def drive(spec, executor, storage=""):
    """A sweep, driven to its end; -> the sweep and its last status."""
    sweep = create_sweep(spec, storage)
    *_, status = run_sweep(sweep, executor)
    return sweep, status


def beginnings(run):
    """How often it was trained from its first step on."""
    return log(run).count("training from step 0 ")


def test_a_grid_tries_every_combination_once(here):
    sweep, status = drive(grid(), here)
    trials = sweep.trials()
    assert (status.state, status.reason, status.trials, status.done) == ("finished", "", 6, 6)
    assert {(trial.params["learning_rate"], trial.params["hidden"]) for trial in trials} == {
        (rate, hidden) for rate in (0.001, 0.01, 0.1) for hidden in ((8,), (16,))
    }
    assert [trial.number for trial in trials] == list(range(6))
    assert len(list_runs()) == 6
    assert status.best == max(trials, key=lambda trial: trial.value)


def test_a_trial_is_an_ordinary_run(here):
    sweep, _ = drive(grid(), here)
    for trial in sweep.trials():
        run = open_run(trial.runs[0])
        found = run.status()
        assert (found.group, found.trial, found.state) == ("grid", trial.number, "finished")
        assert run.config == SMALL.replace(**trial.params)
        assert (trial.value,) == trial.values == (found.best_validation_accuracy,)
        assert (trial.epochs, trial.seconds) == (2.0, found.seconds)
        assert beginnings(run) == 1


def test_a_finished_sweep_does_nothing_when_it_is_run_again(here):
    sweep, first = drive(grid(), here)
    before = {run.id: run.status().updated for run in list_runs()}
    again, status = drive(grid(), here)
    assert again == sweep
    assert status.state == "finished"
    assert {run.id: run.status().updated for run in list_runs()} == before
    assert status.seconds == pytest.approx(first.seconds, abs=1.0)


def test_more_trials_go_on_with_the_same_sweep(here):
    first, _ = drive(some(3), here)
    before = first.trials()
    sweep, status = drive(some(5), here)
    assert (status.trials, status.done) == (5, 5)
    assert sweep.trials()[:3] == before


@pytest.mark.slow
def test_the_same_seed_tries_the_same_settings_after_any_interruption(here):
    first, _ = drive(some(6), here)
    params = [trial.params for trial in first.trials()]
    drive(some(2, "other"), here)
    second, _ = drive(some(6, "other"), here)
    assert [trial.params for trial in second.trials()] == params
    assert len({json.dumps(trial) for trial in params}) == 6
    third, _ = drive(some(6, "third", seed=1), here)
    assert all(trial.params not in params for trial in third.trials())


def test_tpe_learns_where_good_settings_are(here):
    space = {"learning_rate": Range(1e-6, 1.0, log=True)}
    sweep, status = drive(some(16, search=space, sampler="tpe"), here)
    rates = [trial.params["learning_rate"] for trial in sweep.trials()]
    assert status.done + status.failed == 16
    assert sum(0.001 < rate < 0.3 for rate in rates[10:]) > 3  # at random, 41 %


def test_several_seeds_are_several_runs_and_their_mean(here):
    sweep, _ = drive(grid(search={"hidden": ((8,), (16,))}, seeds=3, base=SMALL.replace(seed=5)), here)
    for trial in sweep.trials():
        runs = [open_run(run) for run in trial.runs]
        assert [run.config.seed for run in runs] == [5, 6, 7]
        assert trial.values == tuple(run.status().best_validation_accuracy for run in runs)
        assert trial.value == pytest.approx(sum(trial.values) / 3)
        assert trial.epochs == 6.0


def test_loss_is_the_lower_the_better(here):
    sweep, status = drive(grid(objective="validation_loss"), here)
    assert status.best == min(sweep.trials(), key=lambda trial: trial.value)
    assert status.best.value == open_run(status.best.runs[0]).status().best_validation_loss


def test_a_budget_of_epochs_ends_it(here):
    _, status = drive(some(None, epochs=7), here)
    assert (status.state, status.done, status.epochs) == ("finished", 4, 8.0)


def test_a_budget_of_minutes_stops_trials_too(here):
    sweep, status = drive(some(None, minutes=0.02, base=ENDLESS), here)
    assert (status.state, sweep.status().state) == ("stopped", "stopped")
    assert "0.02 minutes are used up" in status.reason
    assert 1.2 <= status.seconds < 10
    trials = sweep.trials()
    assert [(trial.state, trial.over) for trial in trials] == [("stopped", False)] * 2
    assert all("resume the sweep" in trial.reason for trial in trials)
    assert {run.status().state for run in list_runs()} == {"interrupted"}


def test_a_sweep_whose_minutes_are_used_up_gets_as_many_again_when_it_is_resumed(here):
    sweep, first = drive(some(2, minutes=0.02, base=ENDLESS), here)
    before = [trial.epochs for trial in sweep.trials()]
    *_, status = run_sweep(sweep, here)
    assert status.state == "stopped"
    assert status.seconds - first.seconds >= 1.2
    assert [after.epochs > epochs for after, epochs in zip(sweep.trials(), before, strict=True)] == [True, True]
    assert [beginnings(run) for run in list_runs()] == [1, 1]


def test_a_killed_sweep_has_only_the_minutes_that_it_has_left(here):
    sweep = create_sweep(some(2, minutes=0.02, base=ENDLESS))
    sweep.set_begun(0)
    sweep.set_status(started=time.time() - 60)  # as a driver that was killed after a minute
    *_, status = run_sweep(sweep, here)
    assert status.seconds < 61
    assert not list_runs()


def test_a_sweep_that_ends_before_its_minutes_do_is_finished(here):
    _, status = drive(some(3, minutes=10), here)
    assert (status.state, status.reason, status.done) == ("finished", "", 3)


@pytest.mark.slow
def test_the_budget_of_minutes_stops_the_processes_of_a_sweep():
    sweep = start_sweep(some(None, minutes=0.1, base=ENDLESS))
    until(lambda: sweep.status().running, "a trial")
    until(lambda: sweep.status().state != "running", "the sweep to stop", 12)
    until(lambda: not sweep.is_alive(), "its driver to go", 5)
    assert sweep.status().state == "stopped"
    assert "0.1 minutes are used up" in sweep.status().reason
    assert not any(run.is_alive() for run in list_runs())


def test_a_bad_trial_is_pruned_and_its_run_saves_its_model(here, monkeypatch):
    monkeypatch.setattr(driver, "PRUNE_SECONDS", 0.001)
    variants = {f"good {i}": {"learning_rate": 0.01 + i / 1000} for i in range(5)}
    variants["bad"] = {"learning_rate": 1e-6, "epochs": 100}
    spec = some(None, search={}, variants=variants, pruner="median", sampler="grid", seeds=2, workers=1)
    spec = replace(spec, seed=next(s for s in range(99) if order(replace(spec, seed=s))[-1] == "bad"))
    sweep, status = drive(spec, here)
    assert (status.done, status.pruned) == (5, 1)
    bad = sweep.trials()[-1]
    run = open_run(bad.runs[0])
    assert bad.state == "pruned"
    assert len(bad.runs) == 1  # the second seed was not worth it
    assert bad.value == run.status().best_validation_accuracy
    assert 0 < run.status().epoch < 100
    assert run.model.exists()


def order(spec):
    """The labels of a grid over variants in the order in which they are tried."""
    return [label for (label,) in make_sampler(spec, 0)._all_grids]


@pytest.mark.slow
def test_hyperband_gives_few_trials_all_epochs(here, monkeypatch):
    monkeypatch.setattr(driver, "PRUNE_SECONDS", 0.001)
    space = {"learning_rate": Range(1e-6, 0.1, log=True)}
    _, status = drive(some(12, search=space, pruner="hyperband", base=LONG), here)
    assert status.done + status.pruned == 12
    assert status.pruned > 2


def test_a_trial_that_diverges_is_recorded_as_diverged(here):
    sweep, status = drive(grid(search={"learning_rate": (0.01, 100.0)}, base=SMALL.replace(optimizer="sgd")), here)
    states = {trial.params["learning_rate"]: trial for trial in sweep.trials()}
    assert (status.state, status.done, status.failed) == ("finished", 1, 1)
    assert states[100.0].state == "diverged"
    assert "learning rate" in states[100.0].reason


def test_an_impossible_combination_fails_alone(here, monkeypatch):
    monkeypatch.setattr("experiments.sweeps.spec.spaces.check_space", lambda *_, **__: None)
    space = {"loss": ("cross-entropy", "squared-error"), "label_smoothing": (0.1,)}
    sweep, status = drive(grid(search=space), here)
    failed = next(trial for trial in sweep.trials() if trial.state == "failed")
    assert (status.state, status.done, status.failed) == ("finished", 1, 1)
    assert "label_smoothing works with the loss cross-entropy only" in failed.reason
    assert failed.runs == ()


def test_a_sweep_whose_first_trials_all_fail_ends_with_their_reason(here, tmp_path):
    _, status = drive(grid(base=SMALL.replace(data=str(tmp_path / "none.csv"))), here)
    assert status.state == "failed"
    assert "The first 3 trials failed, the last one for this reason: " in status.reason
    assert "none.csv" in status.reason


def test_stopping_one_run_by_hand_ends_its_trial_alone(here):
    sweep = create_sweep(grid(base=LONG, search={"seed": (0, 1, 2, 3)}))
    stopped = None
    for status in run_sweep(sweep, here):
        if stopped is None and status.running:
            trial = next(trial for trial in sweep.trials() if trial.state == "running" and trial.runs)
            stopped = trial.number
            jobs.stop(open_run(trial.runs[0]))
    assert (status.state, status.done, status.failed) == ("finished", 3, 1)
    assert sweep.trials()[stopped].state == "stopped"
    assert "by hand" in sweep.trials()[stopped].reason


@pytest.mark.slow
def test_stop_keeps_everything_and_the_sweep_goes_on_where_it_was(here, monkeypatch):
    monkeypatch.setattr(driver, "STATUS_SECONDS", 0.0)
    sweep = create_sweep(grid(base=LONG))
    for status in run_sweep(sweep, here):
        if status.done:
            sweep.request_stop()
    assert status.state == sweep.status().state == "stopped"
    assert {trial.state for trial in sweep.trials()} <= {"done", "stopped"}
    assert not status.running
    assert {run.status().state for run in list_runs()} <= {"finished", "interrupted"}
    *_, status = run_sweep(sweep, here)
    assert (status.state, status.done) == ("finished", 6)
    assert [beginnings(run) for run in list_runs()] == [1] * 6


def test_leaving_a_sweep_stops_its_runs_at_a_checkpoint(here):
    sweep = create_sweep(grid(base=LONG))
    with closing(run_sweep(sweep, here)) as statuses:
        next(status for status in statuses if status.running)
    assert sweep.status().state == "interrupted"
    assert not any(run.is_alive() for run in list_runs())
    assert not sweep.is_alive()


def test_runs_already_over_are_taken_as_they_are(here):
    spec = grid(search={"seed": (0, 1)})
    sweep, _ = drive(spec, here)
    before = sweep.trials()
    # As after a kill before Optuna was told: the study knows less than the folder.
    (sweep.folder / "journal.log").unlink()
    *_, status = run_sweep(sweep, here)
    assert status.done == 2
    assert [trial.values for trial in sweep.trials()] == [trial.values for trial in before]
    assert [beginnings(run) for run in list_runs()] == [1, 1]


@pytest.mark.parametrize("copy", ["", '[{"number": 0'])
def test_the_copy_of_the_trials_for_pages_is_made_again_from_the_study(here, copy):
    sweep, _ = drive(grid(search={"seed": (0, 1)}), here)
    before = sweep.trials()
    (sweep.folder / "trials.json").write_text(copy)
    with pytest.raises(SweepError, match=r"trials\.json is damaged"):
        sweep.trials()
    drive(grid(search={"seed": (0, 1)}), here)
    assert sweep.trials() == before


def test_a_trial_whose_driver_was_killed_between_its_record_and_the_end_is_not_trained_again(here):
    sweep = create_sweep(grid(search={"seed": (0, 1)}))
    with open_storage(sweep) as storage:
        trial = Study(sweep, storage).ask()
        trial.handle.set_user_attr("trial", {"state": "done", "over": True, "values": [0.5], "runs": ["gone"]})
        trial.lock.release()
    *_, status = run_sweep(sweep, here)
    assert (status.state, status.done) == ("finished", 2)
    first, second = sweep.trials()
    assert (first.values, first.runs, first.params) == ((0.5,), ("gone",), trial.params)
    assert [run.id for run in list_runs()] == list(second.runs)


def test_a_trial_whose_driver_was_killed_while_it_asked_for_settings_is_tried(here):
    sweep = create_sweep(some(2))
    with open_storage(sweep) as storage:
        Study(sweep, storage)
        storage.create_new_trial(storage.get_study_id_from_name(sweep.id))
        assert Study(sweep, storage).trials() == []
    *_, status = run_sweep(sweep, here)
    assert (status.state, status.done) == ("finished", 2)
    assert [set(trial.params) for trial in sweep.trials()] == [{"learning_rate", "dropout"}] * 2


def test_a_run_that_another_process_trains_is_waited_for(here):
    spec = grid(search={"seed": (0, 1)}, base=LONG)
    sweep = create_sweep(spec)
    with closing(run_sweep(sweep, here)) as statuses:
        next(status for status in statuses if status.running)
    run = open_run(next(trial.runs[0] for trial in sweep.trials() if trial.runs))
    with ThreadPoolExecutor(1) as person:
        training = person.submit(to_end, run)
        until(run.is_alive, "the run to be taken up")
        *_, status = run_sweep(sweep, here)
        assert training.result().state == "finished"
    assert (status.state, status.done) == ("finished", 2)


@pytest.mark.slow
def test_two_drivers_share_one_study(here, monkeypatch):
    monkeypatch.setattr(driver, "STATUS_SECONDS", 0.0)
    sweep = create_sweep(some(12, base=LONG.replace(epochs=5), workers=1))
    with ThreadPoolExecutor(1) as other:
        second = other.submit(lambda: list(run_sweep(sweep, here))[-1])
        *_, first = run_sweep(sweep, here)
    assert [first.state, second.result().state] == ["finished", "finished"]
    assert [trial.number for trial in sweep.trials()] == list(range(12))
    assert [beginnings(run) for run in list_runs()] == [1] * 12


@pytest.mark.slow
def test_a_study_in_a_database_fills_an_empty_folder(here, tmp_path, monkeypatch):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    spec = grid(search={"seed": (0, 1)})
    first, _ = drive(spec, here, storage)
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "elsewhere"))
    second, status = drive(spec, here, storage)
    assert status.done == 2
    assert second.folder != first.folder
    assert second.trials() == first.trials()
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "third"))
    _, status = drive(grid(seeds=2), here, storage)
    assert status.state == "failed"
    assert "tries something else" in status.reason


@pytest.mark.parametrize(
    ("storage", "sentence"),
    [
        ("nonsense", "'nonsense' is not the address of a database, such as postgresql://USER@HOST/NAME."),
        ("foo://host/name", "There is no kind of database 'foo'; postgresql is one."),
        ("sqlite:////nowhere/at/all.db", "The database sqlite:////nowhere/at/all.db cannot be reached: unable to open"),
        ("oracle://me:secret@host/name", "oracle://me:***@host/name needs a package that is not installed"),
    ],
)
def test_a_database_that_is_not_there_gives_a_sentence(here, storage, sentence):
    _, status = drive(grid(), here, storage)
    assert status.state == "failed"
    assert status.reason.startswith(sentence)


def test_the_same_name_for_another_search_is_refused(here):
    create_sweep(grid())
    with pytest.raises(SweepError, match="a sweep grid already, which differs in search, seeds: give this one a name"):
        create_sweep(grid(search={"seed": (0, 1)}, seeds=2))
    with pytest.raises(SweepError, match="which differs in hidden, seed: give"):
        create_sweep(grid(base=SMALL.replace(hidden=(4,)), seed=3))
    assert unused_name("grid") == "grid 2"
    assert create_sweep(grid(unused_name("grid"), seeds=2)).id == "grid-2"
    assert [sweep.id for sweep in list_sweeps()] == ["grid-2", "grid"]
    assert open_sweep("grid").spec == grid()


@pytest.mark.parametrize("which", ["", "none", "..", "../grid", "/etc"])
def test_a_sweep_that_is_not_there_gives_a_sentence(which):
    with pytest.raises(SweepError, match="There is no sweep"):
        open_sweep(which)


def test_a_sweep_without_a_driver_is_interrupted():
    sweep = create_sweep(grid())
    assert (sweep.status().state, sweep.status().trials) == ("stopped", 6)
    sweep.set_begun(0)
    assert sweep.status().state == "running"  # its driver is starting
    sweep.set_status(pid=1)
    assert sweep.status().state == "interrupted"
    assert "resume it" in sweep.status().reason


def test_a_stopped_sweep_is_running_until_its_runs_have_stopped():
    sweep = create_sweep(grid())
    sweep.set_begun(1)
    sweep.publish_trials([Trial(0, {"learning_rate": 0.1, "hidden": (8,)})])
    (sweep.folder / "stop").touch()
    with sweep.trial_lock(0):
        assert (sweep.status().state, sweep.status().running) == ("running", 1)
    assert (sweep.status().state, sweep.status().running) == ("stopped", 0)


def test_five_hundred_trials_are_listed_at_once():
    sweep = create_sweep(some(500))
    params = [{"learning_rate": number / 500, "dropout": 0.5} for number in range(500)]
    sweep.publish_trials(
        [Trial(n, of, "done", over=True, values=(0.9,), runs=(f"run-{n}",)) for n, of in enumerate(params)]
    )
    began = time.perf_counter()
    assert len(Sweep(sweep.folder).trials()) == 500
    cold = time.perf_counter() - began
    assert len(sweep.trials()) == 500
    warm = time.perf_counter() - began - cold
    print(f"cold {cold:.3f} s, warm {warm:.3f} s")
    assert cold < 0.5
    assert warm < 0.2


def test_looking_at_sweeps_does_not_load_optuna():
    code = "import sys, experiments.sweeps; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_expected_time_grows_with_what_is_tried():
    few, many = some(10), some(100)
    assert many.expected_seconds(3667) - START == pytest.approx(10 * (few.expected_seconds(3667) - START))
    assert some(10, workers=1).expected_seconds(3667) > few.expected_seconds(3667)
    assert some(100, minutes=0.005).expected_seconds(3667) < few.expected_seconds(3667)
    assert some(100, epochs=20).expected_seconds(3667) == pytest.approx(few.expected_seconds(3667))
    assert some(10, seeds=2).expected_seconds(3667) == some(20).expected_seconds(3667)


def test_a_sweep_says_how_many_runs_it_makes_at_most():
    assert grid(seeds=3).most_runs == 18
    assert some(10, seeds=2).most_runs == 20
    assert some(None, minutes=3).most_runs is None


def test_a_spec_survives_json():
    spec = grid(variants={"a": {"dropout": 0.1}, "b": {"image_layers": ("conv 4",)}}, minutes=3)
    assert spec.search["variant"] == ("a", "b")
    assert SweepSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "…"}, "A sweep needs a name with a letter or a digit"),
        ({"sampler": "bayes"}, "sampler is one of grid, random, tpe, got 'bayes'"),
        ({"pruner": "mean"}, "pruner is one of none, median, hyperband"),
        ({"objective": "accuracy"}, "objective is one of validation_accuracy, validation_loss"),
        ({"trials": 0}, "trials is a whole number from 1 to 100,000, got 0"),
        ({"trials": None}, r"Say how much the sweep may take: trials, epochs \(in all\) or minutes"),
        ({"seeds": 0}, "seeds is a whole number from 1 to 100, got 0"),
        ({"workers": -1}, "workers is a whole number from 0 to 256, got -1"),
        ({"minutes": 0}, "minutes is a number above 0, got 0"),
        ({"epochs": 1}, r"epochs = 1 is what the whole sweep may take, less than one trial does \(2\)"),
        ({"search": {}}, "There is nothing to search"),
        ({"base": SMALL.replace(validation_share=0.0)}, "set validation_share above 0"),
        ({"base": SMALL.replace(start_from="abc")}, "leave start_from empty"),
    ],
)
def test_an_impossible_sweep_gives_a_sentence(changes, sentence):
    with pytest.raises(SweepError, match=sentence):
        some(**{"trials": 5} | changes)


FILE = """
name = "rates"
preset = "full-batch-64"
data = "mnist-5k"
sampler = "tpe"
pruner = "median"
trials = 30
[settings]
epochs = 3
hidden = [32, 16]
[search]
learning_rate = {low = 0.001, high = 0.1, log = true}
batch_size = [32, 64]
[variants."plain descent"]
optimizer = "sgd"
[variants.adam]
optimizer = "adam"
"""


def test_a_file_gives_all_settings(tmp_path):
    path = tmp_path / "rates.toml"
    path.write_text(FILE)
    spec = SweepSpec.from_toml(path)
    assert (spec.id, spec.sampler, spec.pruner, spec.trials) == ("rates", "tpe", "median", 30)
    assert (spec.base.epochs, spec.base.steps, spec.base.hidden, spec.base.optimizer) == (3, 0, (32, 16), "sgd")
    assert spec.search == {
        "learning_rate": Range(0.001, 0.1, log=True),
        "batch_size": (32, 64),
        "variant": ("plain descent", "adam"),
    }
    config = spec.config({"learning_rate": 0.01, "batch_size": 64, "variant": "adam"}, 2)
    assert (config.learning_rate, config.batch_size, config.optimizer, config.seed) == (0.01, 64, "adam", 2)
    assert SweepSpec.from_toml(path, trials=5).trials == 5


def test_a_file_without_a_name_has_its_own(tmp_path):
    path = tmp_path / "My rates.toml"
    path.write_text('sampler = "grid"\n[search]\nlearning_rate = [0.1, 0.2]\n')
    assert SweepSpec.from_toml(path).id == "my-rates"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "rates"', "name = rates", " line 2: Invalid value"),
        ("[variants.adam]", "[variants.adam", " line 16: Expected ']'"),
        ('preset = "full-batch-64"', 'preset = "fast"', ": there is no preset 'fast'; the presets are quick"),
        ("trials = 30", "trails = 30", ": there is no 'trails' in a sweep; there is data, epochs"),
        ("[settings]", "[setings]", ": there is no 'setings' in a sweep"),
        ("epochs = 3", "epoch = 3", ": there is no setting 'epoch'"),
        ("epochs = 3", "epochs = 0", ": epochs lies between 1 and 1,000, got 0"),
        ("epochs = 3", 'data = "mnist"', r": data stands before the tables, not under \[settings\]"),
        ("trials = 30", "epochs = 2", ": epochs = 2 is what the whole sweep may take, less than one trial does"),
        ('sampler = "tpe"', 'sampler = "grid"', ": A grid needs to know how many values of learning_rate"),
        ("batch_size = [32, 64]", "batch_sise = [32, 64]", ": 'batch_sise' cannot be searched"),
        ("batch_size = [32, 64]", "batch_size = [32, 64000]", ": batch_size lies between 0 and 60,000, got 64,?000"),
        ("batch_size = [32, 64]", "batch_size = 32", ": batch_size is a range such as"),
        ("low = 0.001", "low = 0", ": learning_rate lies between 1e-06 and 100, got 0"),
        ('optimizer = "adam"', 'optimiser = "adam"', ": The variant 'adam' has no setting 'optimiser'"),
        ('[variants.adam]\noptimizer = "adam"', "[variants]\nadam = 3", ": a variant is a table of settings"),
    ],
)
def test_a_wrong_file_gives_a_sentence_with_its_name(tmp_path, old, new, sentence):
    path = tmp_path / "rates.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    with pytest.raises(SweepError, match=f"^{path}{sentence}") as error:
        SweepSpec.from_toml(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_not_text_gives_a_sentence(tmp_path):
    with pytest.raises(SweepError, match=r"none.toml cannot be read: No such file"):
        SweepSpec.from_toml(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SweepError, match=r"binary.toml: it is not text in UTF-8"):
        SweepSpec.from_toml(tmp_path / "binary.toml")


def children(pid):
    return [process.pid for process in psutil.Process(pid).children(recursive=True)]


def gone(pid):
    """A zombie counts as gone: orphans are reaped by a process that is not ours."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


TOML = """
name = "killed"
data = "mnist-5k"
sampler = "random"
pruner = "median"
trials = 12
seeds = 2
[settings]
epochs = 12
hidden = [8]
[search]
learning_rate = {low = 0.001, high = 0.1}
"""


@pytest.fixture
def command(tmp_path):
    """Starts `digits sweep` on a file, and leaves nothing behind."""
    path = tmp_path / "killed.toml"
    path.write_text(TOML)
    started = []

    def start(*options):
        line = [sys.executable, "-m", "experiments", "sweep", str(path), "--workers", "2", *options]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def made(sweep):
    return (sweep.folder / "sweep.json").exists()


def whole(sweep, trials=12, seeds=2):
    """Whether every trial was made once and is over, and every run of it was trained once."""
    found = sweep.trials()
    assert [trial.number for trial in found] == list(range(trials))
    assert all(trial.over for trial in found)
    runs = [run for trial in found for run in trial.runs]
    assert sorted(runs) == sorted(run.id for run in list_runs())
    assert {trial.state for trial in found} <= {"done", "pruned"}
    assert all(len(trial.runs) == seeds for trial in found if trial.state == "done")
    assert [beginnings(run) for run in list_runs()] == [1] * len(runs)
    assert len({json.dumps(trial.params) for trial in found}) == trials


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_sweep_that_is_killed_loses_no_trial_and_leaves_no_process(command, number):
    sweep = Sweep(sweeps_folder() / "killed")
    for ended in (2, 5):
        driver = command()
        until(lambda: made(sweep) and sweep.status().ended >= ended, f"{ended} trials")  # noqa: B023
        pids = children(driver.pid)
        assert len(pids) >= 2
        before = [trial for trial in sweep.trials() if trial.over]
        driver.send_signal(number)
        out, err = driver.communicate(timeout=60)
        took = until(lambda: all(gone(pid) for pid in pids), "its processes to go")  # noqa: B023
        print(f"{len(pids)} processes gone after {took:.2f} s")
        assert sweep.status().state == "interrupted"
        assert not any(run.is_alive() for run in list_runs())
        assert [trial for trial in sweep.trials() if trial in before] == before
        if number != signal.SIGKILL:
            assert driver.returncode == 130
            assert "everything is saved. Continue with: digits sweep" in out
            assert err == ""
    driver = command("--json")
    out, _ = driver.communicate(timeout=60)
    found = json.loads(out)
    assert (driver.returncode, found["state"]) == (0, "finished")
    assert found["done"] + found["pruned"] == 12
    whole(sweep)


@pytest.mark.slow
def test_two_drivers_each_do_a_part_and_one_that_is_killed_loses_nothing(command):
    sweep = Sweep(sweeps_folder() / "killed")
    first = command()
    until(lambda: made(sweep) and sweep.is_alive(), "the first driver")
    second = command("--json")
    until(lambda: made(sweep) and sweep.status().ended >= 3, "three trials")
    until(lambda: len(list((sweep.folder / "drivers").iterdir())) == 2, "the second driver")
    pids = children(first.pid)
    first.kill()
    until(lambda: all(gone(pid) for pid in pids), "its processes to go")
    out, _ = second.communicate(timeout=60)
    assert json.loads(out)["state"] == "finished"
    whole(sweep)


@pytest.mark.slow
def test_a_sweep_from_a_page_has_a_process_of_its_own_that_stops_and_goes_on(monkeypatch):
    sweep = start_sweep(some(10, base=LONG, workers=1))
    assert sweep.status().state == "running"
    until(lambda: sweep.status().done >= 2, "two trials")
    sweep.request_stop()
    took = until(lambda: sweep.status().state == "stopped", "the sweep to stop")
    print(f"stopped after {took:.2f} s")
    assert took < 3
    done = sweep.status().done
    resume_sweep(sweep)
    until(lambda: sweep.status().state == "finished", "the sweep to finish")
    assert done < 10
    whole(sweep, 10, 1)


@pytest.mark.slow
def test_a_killed_worker_costs_no_trial(command):
    sweep = Sweep(sweeps_folder() / "killed")
    driver = command("--json")
    until(lambda: made(sweep) and sweep.status().ended >= 1, "a trial")
    trained = []  # past its first checkpoint: a run killed before it begins again at step 0
    while not trained:
        statuses = [run.status() for run in list_runs()]
        trained = [status for status in statuses if status.state == "running" and status.validation_epoch]
    psutil.Process(trained[0].pid).kill()
    out, _ = driver.communicate(timeout=60)
    assert json.loads(out)["state"] == "finished"
    whole(sweep)


PARENT = """
import sys, time
from experiments.sweeps import open_sweep, resume_sweep
resume_sweep(open_sweep(sys.argv[1]))
time.sleep(600)
"""


@pytest.mark.slow
def test_a_sweep_goes_with_the_page_that_started_it():
    sweep = create_sweep(some(1000, base=LONG))
    page = subprocess.Popen([sys.executable, "-c", PARENT, sweep.id])
    try:
        until(lambda: sweep.status().done >= 2, "two trials")
        pids = children(page.pid)
        assert len(pids) >= 3  # the driver and two workers
    finally:
        page.kill()
        page.wait()
    until(lambda: all(gone(pid) for pid in pids), "its processes to go")
    assert sweep.status().state == "interrupted"


@pytest.mark.slow
def test_a_run_of_a_person_gets_its_turn_while_a_sweep_goes_on(monkeypatch):
    monkeypatch.setenv("DIGITS_WORKERS", "1")
    sweep = start_sweep(some(1000, base=LONG, workers=0))
    try:
        until(lambda: sweep.status().done >= 1, "a trial")
        mine = jobs.start_training(SMALL, name="mine")
        until(lambda: mine.status().state == "finished", "the person's run", seconds=15)
        assert sweep.status().state == "running"
    finally:
        sweep.request_stop()
        until(lambda: not sweep.is_alive(), "the driver to leave")
