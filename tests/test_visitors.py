"""Visitors and their limits: budgets, fine-tunings, and runs that they may see."""

import time
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from dashboard.access import actions, apology, connection, limits
from dashboard.access.connection import is_local
from dashboard.access.decision import Action, counted_download, is_owner, refusal_of
from dashboard.access.limits import Refusal, visit
from dashboard.access.usage import DAY, HOUR, UsageLog, usage_log
from dashboard.access.visibility import list_sweeps, open_run, open_sweep, run_rows, visible_text
from dataset import load_digits
from experiments import fine_tuning
from experiments.fine_tuning import remove_undecided, undecided_fine_tunings
from experiments.runs import control
from experiments.runs.run import Label, RunError, create_run
from experiments.sweeps import SweepError, SweepSpec, create_sweep
from experiments.sweeps.space import Range
from model import load_classifier
from model.classifier import SHIPPED
from tests.digit_files import csv_lines, write_csv
from tests.small_runs import SMALL, finish, to_end
from tests.test_access import OWNER, QUICK, VISITOR, Person, open_shared, person, shared, store, words

__all__ = ["person"]  # a fixture


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The owner's own file of digits."""
    file = tmp_path / "patients.csv"
    return write_csv(file, csv_lines(200))


# Budgets of all visitors together.


def test_a_reload_does_not_begin_the_budget_of_all_visitors_anew(person: Person) -> None:
    for hour in range(3):
        person.comes({}, shared(drawings_per_hour=3))
        store(shade=hour)
    person.comes({}, shared(drawings_per_hour=3))
    with pytest.raises(Refusal, match="All visitors together may store 3 drawings at most in an hour here"):
        store()
    person.comes(OWNER, shared(drawings_per_hour=3))
    store()


def test_a_restart_of_the_server_does_not_begin_the_budget_anew(person: Person, monkeypatch: Any) -> None:
    person.comes({}, shared(drawings_per_day=1))
    store()
    monkeypatch.setattr("dashboard.access.usage._logs", {})
    with pytest.raises(Refusal, match="at most in a day"):
        store()


def test_the_seconds_of_trainings_have_a_budget(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    one = actions.training_cost(QUICK).seconds
    said = shared(training_seconds_per_hour=int(2.5 * one) + 1, trainings=9, trainings_per_session=9)
    for _ in range(2):
        person.comes({}, said)
        actions.start_training(QUICK, name="x")
    with pytest.raises(Refusal, match="All visitors together may train for"):
        actions.start_training(QUICK, name="x")


def test_downloads_have_a_budget(person: Person) -> None:
    person.comes({}, shared(downloads_per_hour=2))
    fetch = counted_download(lambda: b"x")
    assert [fetch(), fetch()] == [b"x", b"x"]
    with pytest.raises(Refusal, match="may download 2 files at most in an hour"):
        fetch()
    assert refusal_of(Action.EXPORT)
    person.comes(OWNER, shared(downloads_per_hour=0))
    assert counted_download(lambda: b"x")() == b"x"


def test_usage_older_than_its_span_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, now = UsageLog(tmp_path / "log"), time.time()
    monkeypatch.setattr("dashboard.access.usage.time.time", lambda: now)
    log.record("drawings", 2)
    assert log.wait("drawings", 1, 3, HOUR) == 0
    assert log.wait("drawings", 2, 3, HOUR) == pytest.approx(HOUR, abs=1)
    now += HOUR + 1
    assert log.wait("drawings", 2, 3, HOUR) == 0
    assert log.wait("drawings", 2, 3, DAY) == pytest.approx(DAY - HOUR, abs=2)


def test_a_damaged_or_long_log_of_usage_loses_only_what_cannot_be_read(tmp_path: Path) -> None:
    file, now = tmp_path / "log", time.time()
    old = f"{now - 2 * DAY:.3f} drawings 1.000\n" * 40_000
    file.write_bytes(old.encode() + b"\xff\xfe x y\n" + f"{now + DAY:.3f} drawings 1.000\nhalf a li".encode())
    log = UsageLog(file)
    assert log.wait("drawings", 1, 1, HOUR) == pytest.approx(HOUR, abs=5)
    assert file.stat().st_size < 100
    UsageLog(file).record("drawings", 1)  # another process
    assert log.wait("drawings", 1, 2, HOUR) > 0


# Fine-tunings.


def fine_tuned() -> Any:
    """A fine-tuning of the shipped model that has not begun."""
    return actions.start_fine_tuning(Path(SHIPPED))


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)


def test_a_fine_tuning_counts_with_its_seconds_and_its_folder(person: Person, no_process: None) -> None:
    store()
    person.comes(VISITOR, shared(training_seconds=0))
    with pytest.raises(Refusal, match="This would take about"):
        fine_tuned()
    person.comes(VISITOR, shared(runs=1, trainings=9))
    fine_tuned()
    assert usage_log().wait("training_seconds", 0, 0, HOUR) > 0
    with pytest.raises(Refusal, match="At most 1 run can be stored here, and 1 are stored"):
        fine_tuned()


def test_an_undecided_fine_tuning_is_removed_after_a_day_unless_it_has_a_name(person: Person, no_process: None) -> None:
    store()
    old, named, fresh, works = (fine_tuned() for _ in range(4))
    for run in (old, named, works):
        run.write_status(run.stored().__class__(created=1.0, updated=time.time() - DAY - 1, group=fine_tuning.GROUP))
    named.set_label(name="Mine")
    with works.hold():
        assert remove_undecided() == 1
    assert {run.id for run in undecided_fine_tunings()} == {named.id, fresh.id, works.id}
    assert named.label() == Label("Mine")


def test_a_visitor_cannot_accept_the_fine_tuning_of_another_visit(person: Person, no_process: None) -> None:
    store()
    run = fine_tuned()
    person.comes(VISITOR, shared())
    with pytest.raises(Refusal, match="control jobs of others"):
        actions.accept_fine_tuning(run)


def test_measuring_robustness_counts_with_its_seconds(person: Person) -> None:
    person.comes(VISITOR, shared(training_seconds=1))
    with pytest.raises(Refusal, match="This would take about"):
        actions.start_robustness(load_classifier(), load_digits("mnist-5k", "test"))


def test_a_visitor_may_measure_the_shipped_model_and_fine_tune_it(person: Person) -> None:
    limit = limits.Settings().training_seconds
    digits = load_digits("mnist-5k", "test")[:1000]
    assert actions._measurement_cost(load_classifier(), digits).seconds < limit
    assert actions._fine_tuning_cost(Path(SHIPPED)).seconds < limit


# Runs and sweeps.


def test_a_visitor_sees_neither_the_runs_nor_the_sweeps_on_a_private_file(person: Person, private: Path) -> None:
    secret = finish(SMALL.replace(data=str(private), epochs=1))
    public = create_run(SMALL)
    spec = SweepSpec("s", base=secret.config, search={"learning_rate": Range(1e-4, 1e-1)}, trials=3)
    sweep = create_sweep(spec)
    person.comes(VISITOR, shared())
    assert [row.id for row in run_rows()] == [public.id]
    assert not list_sweeps()
    for wrong in (secret.id, "no-such-run"):
        with pytest.raises(RunError, match=r"here that visitors may see\. Choose one from the list\.$"):
            open_run(wrong)
    with pytest.raises(SweepError):
        open_sweep(sweep.id)
    visit.started = (secret.id,)
    assert open_run(secret.id) == secret
    person.comes(OWNER, shared())
    assert {row.id for row in run_rows()} == {secret.id, public.id}
    assert [one.id for one in list_sweeps()] == [sweep.id]


@pytest.mark.parametrize(
    ("page", "parameter"), [("evaluate", "model"), ("draw", "model"), ("train", "run"), ("explore", "runs")]
)
def test_no_page_shows_a_visitor_the_owners_private_file(private: Path, page: str, parameter: str) -> None:
    run = finish(SMALL.replace(data=str(private), epochs=1))
    app = open_shared(page, VISITOR, shared(), **{parameter: run.id, "data": str(private)})
    shown = words(app) + str([box.options for box in app.selectbox]) + str([table.value for table in app.dataframe])
    assert private.name not in shown
    assert str(private.parent) not in shown
    assert run.title not in shown


def test_visitors_read_no_folders_of_the_server(person: Person) -> None:
    text = "There is no run a/b in /srv/app/runs/x.csv. See https://example.com/a/b, and C:\\Users\\me\\x.csv or 1/2."
    assert visible_text(text) == text
    person.comes(VISITOR, shared())
    assert visible_text(text) == "There is no run a/b in x.csv. See https://example.com/a/b, and x.csv or 1/2."


# The computer of the server.


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets who is at the other end of the websocket."""
    monkeypatch.setattr(connection, "is_local", is_local)
    monkeypatch.setattr(connection.runtime, "exists", lambda: True)

    def set_peer(address: str | None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        monkeypatch.setattr(st, "context", SimpleNamespace(ip_address=address, headers=named))

    return set_peer


@pytest.mark.parametrize(
    ("address", "headers", "local"),
    [
        (None, {"Host": "localhost:8501", "Origin": "http://localhost:8501"}, True),
        (None, {"Host": "127.0.0.1:8501"}, True),
        (None, {"Host": "[::1]:8501", "Origin": "http://[::1]:8501"}, True),
        ("::ffff:127.0.0.1", {"Host": "localhost:8501"}, True),
        (None, {}, False),  # the browser has left, so nobody knows
        ("192.168.1.7", {"Host": "localhost:8501", "Origin": "http://localhost:8501"}, False),
        ("::ffff:192.168.1.7", {"Host": "localhost:8501"}, False),
        ("10.0.0.1", {"Host": "127.0.0.1", "X_Forwarded_For": "127.0.0.1"}, False),
        (None, {"Host": "localhost:8501", "X_Forwarded_For": "127.0.0.1"}, False),
        (None, {"Host": "localhost:8501", "X_Forwarded_Anything": "x"}, False),
        (None, {"Host": "localhost:8501", "forwarded": "for=127.0.0.1"}, False),
        (None, {"Host": "digits.example.com"}, False),  # a name that leads to this computer
        (None, {"Host": "localhost:8501", "Origin": "https://digits.example.com"}, False),
        (None, {"Host": "localhost.example.com"}, False),
        (None, {"Host": "localhost:8501", "Origin": "null"}, False),
        (None, {"Host": "["}, False),
    ],
)
def test_only_a_browser_on_the_computer_of_the_server_is_local(
    connect: Any, address: str | None, headers: dict[str, str], local: bool
) -> None:
    connect(address, **headers)
    assert is_local() == local


def test_behind_a_socket_file_nobody_is_local(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(None, Host="localhost")
    monkeypatch.setattr(st, "get_option", lambda name: "unix:///run/digits.sock")
    assert not is_local()


def test_without_secrets_only_the_person_at_the_server_is_the_owner(connect: Any, person: Person) -> None:
    connect(None, Host="localhost:8501")
    assert is_owner()
    connect("192.168.1.7", Host="192.168.1.2:8501")
    assert not is_owner()
    with pytest.raises(Refusal, match="the foot of the page says what to do"):
        actions.start_search("mnist", "test", None)
    person.comes({}, {"digit_lab": {"public": False}})
    assert is_owner()
    connect(None, Host="localhost:8501")
    person.comes({}, {"digit_lab": {"public": True}})
    assert not is_owner()


# Unexpected errors.


def test_a_visitor_reads_an_apology_with_the_number_that_the_log_has(
    person: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(st, "error", lambda text, **_: shown.append(text))
    monkeypatch.setattr(st, "exception", lambda error: shown.append(str(error)))
    try:
        raise KeyError("/srv/secret")
    except KeyError as error:
        apology.show_error(error)
        person.comes(VISITOR, shared())
        apology.show_error(error)
        person.comes(VISITOR, {"digit_lab": {"ownres": 1}})
        apology.show_error(error)
    trace, text, _ = shown
    assert "/srv/secret" in trace
    assert "/srv/secret" not in text
    number = text.rpartition(" ")[2].rstrip(".")
    assert f"Error {number}" in caplog.text
    assert "KeyError: '/srv/secret'" in caplog.text


# Concurrent sessions.


@pytest.mark.slow
def test_no_training_that_runs_is_forgotten_under_concurrent_sessions(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions start trainings at once, while others only look and so remove those that ended."""
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    monkeypatch.setattr(limits, "run_rows", list)  # the list of trainings is tested, not the table of runs
    for round_number in range(40):
        person.comes({}, shared(trainings=5, trainings_per_session=99, runs=9999, training_seconds_per_hour=99_999))
        limits.work.clear()
        started: list[str] = []

        def start(started: list[str]) -> None:
            try:
                started.append(actions.start_training(QUICK, name="x").id)
            except Refusal:
                refusal_of(Action.TRAIN)

        sessions = [Thread(target=start, args=(started,)) for _ in range(8)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        assert len(started) == 5, f"round {round_number}"
        assert {each.job.id for each in limits.work} == set(started), f"round {round_number}"


def test_a_visitors_training_ends_after_twice_the_limit_however_long_it_was_expected_to_take(
    person: Person, no_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.comes(VISITOR, shared(training_seconds=2))
    monkeypatch.setattr(time, "monotonic", time.perf_counter)  # the clock of `person` stands still
    run = actions.start_training(QUICK, name="x")
    assert run.stored().most_seconds == 4
    run.set_status(most_seconds=0.01)
    run.set_config(SMALL.replace(steps=1_000_000))
    status = to_end(run)
    assert status.state == "stopped"
    assert "A training of a visitor ends after" in status.reason
    assert run.last.exists()
    person.comes(OWNER, shared())
    assert actions.start_training(QUICK, name="x").stored().most_seconds == 0
