"""The worker: what it writes, what it hears, and that leaving it at any moment costs nothing."""

import threading
from itertools import islice

import numpy as np
import pytest

from dataset import append_drawing, drawings_version, edit_drawings, load_digits, load_training
from experiments.runs.run import RunError, create_run, open_run
from experiments.training.data import load_data
from experiments.training.worker import train_run
from model import build_trainer, load_checkpoint, load_classifier
from tests.made_digits import made_digits
from tests.small_runs import ENDLESS, SMALL, finish, log, to_end

TOLD = ["step", "epoch", "learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]


def weights(path):
    return {name: array.tobytes() for name, array in load_checkpoint(path).weights.items()}


def test_a_finished_run_has_all_its_files():
    run = finish(SMALL)
    status, history = run.status(), run.history()
    assert (status.step, status.total_steps, status.epoch) == (58, 58, 2.0)
    assert (status.images, status.validation_images) == (3667, 333)
    assert history["step"].is_monotonic_increasing
    assert history["step"].is_unique
    assert history["validation_loss"].notna().sum() == 2
    assert history["train_loss"].notna().all()
    assert status.validation_accuracy == pytest.approx(history["validation_accuracy"].iloc[-1])
    classifier = load_classifier(run.model)
    assert classifier.about["run"] == run.id
    assert classifier.about["data_fingerprint"] == load_training("mnist-5k")[0].fingerprint
    assert not list(run.folder.glob(".*"))


def test_a_run_trains_as_the_trainer_does():
    trainer = build_trainer(SMALL, *load_training("mnist-5k"))
    for _ in trainer.train():
        pass
    for name, array in load_checkpoint(finish(SMALL).last).weights.items():
        np.testing.assert_array_equal(array, trainer.network.weights[name])


@pytest.mark.parametrize("events", [1, 2, 7, 40])
def test_leaving_and_resuming_again_and_again_equals_never_stopping(events, monkeypatch):
    monkeypatch.setattr(
        "experiments.training.recording.STATUS_SECONDS", 0.0
    )  # a status, and so a chance to leave, at every event
    whole, broken = finish(SMALL), create_run(SMALL)
    rounds = 0
    while broken.status().state != "finished":
        for _ in islice(train_run(broken), events + 3):
            pass
        assert broken.status().state in ("finished", "interrupted"), broken.status()
        rounds += 1
        assert rounds < 200
    assert rounds > 1
    assert weights(broken.last) == weights(whole.last)
    assert weights(broken.best) == weights(whole.best)
    assert broken.history()[TOLD].equals(whole.history()[TOLD])


def test_a_stopped_run_keeps_its_model_and_resumes_exactly():
    whole, stopped = finish(SMALL), create_run(SMALL)
    for status in train_run(stopped):
        if status.state == "running":
            stopped.request("stop")
    assert status.state == "stopped"
    assert 0 < status.step < 58
    assert load_classifier(stopped.model).predict_proba(load_digits("mnist-5k", "test").images).shape == (1000, 10)
    stopped.enqueue()
    status = to_end(stopped)
    assert status.state == "finished"
    assert weights(stopped.last) == weights(whole.last)


def test_a_new_learning_rate_is_used_from_the_next_step_on_and_written_down():
    run = create_run(ENDLESS.replace(steps=400))
    asked, held = [], []
    for status in train_run(run):
        if status.state == "running" and status.step and not asked:
            run.request(learning_rate=0.125)
            asked.append(status.step)
        elif status.changes and not held:
            held.append(status.step)
            run.request(learning_rate=None)
    (first, rate), (second, back) = run.status().changes
    assert (rate, back) == (0.125, None)
    assert asked[0] <= first <= held[0] <= second
    rates = run.history().set_index("step")["learning_rate"]
    by_hand = rates[(rates.index > first) & (rates.index <= second)]
    assert by_hand.index[0] == first + 1
    assert (by_hand == 0.125).all()
    assert rates[second + 1] == pytest.approx(run.config.scheduled_rate(second, run.status().images))
    assert "learning rate 0.125" in log(run)


def test_a_learning_rate_set_by_hand_survives_a_crash():
    run = create_run(ENDLESS)
    for status in train_run(run):
        if status.step:
            run.request(learning_rate=0.125)
        if status.changes:
            break  # and nothing after: the checkpoint must hold it already
    assert load_checkpoint(run.last).progress["learning_rate_override"] == 0.125


def test_the_rows_of_a_lost_stretch_are_cut_on_resuming(monkeypatch):
    monkeypatch.setattr("experiments.training.recording.CHECKPOINT_SECONDS", 1000.0)
    run = create_run(SMALL)
    statuses = train_run(run)
    for status in statuses:
        if status.epoch >= 1:
            break
    early = run.last.read_bytes()
    for _ in statuses:
        pass
    run.last.write_bytes(early)  # as if the process had been killed before its last checkpoint
    run.enqueue()
    to_end(run)
    assert run.history()[TOLD].equals(finish(SMALL).history()[TOLD])


def test_a_run_that_diverges_says_why_and_keeps_a_good_checkpoint():
    run = create_run(SMALL.replace(learning_rate=100.0, optimizer="sgd", schedule="constant", epochs=20))
    status = to_end(run)
    assert status.state == "diverged"
    assert "try" in status.reason
    assert all(np.isfinite(array).all() for array in load_checkpoint(run.last).weights.values())


def test_early_stopping_ends_with_the_best_weights():
    config = SMALL.replace(hidden=(64,), epochs=100, patience=2, learning_rate=0.01, schedule="constant")
    run = finish(config)
    status = run.status()
    assert status.step < status.total_steps
    assert f"epoch {status.best_epoch:g}" in status.reason
    assert weights(run.best) == weights(run.last)
    assert run.model == run.best


def test_without_validation_digits_the_last_weights_are_the_model():
    run = finish(SMALL.replace(validation_share=0.0))
    assert run.model == run.last
    assert run.status().validation_accuracy is None
    assert run.history()["validation_loss"].isna().all()


def test_missing_data_is_a_sentence_in_the_status_and_a_traceback_in_the_log():
    run = create_run(SMALL.replace(data="/nowhere/digits.csv"))
    status = to_end(run)
    assert status.state == "failed"
    assert "/nowhere/digits.csv" in status.reason
    assert "Traceback" in log(run)


def test_a_fault_of_the_program_is_a_sentence_too(monkeypatch):
    monkeypatch.setattr("experiments.training.worker.build_trainer", lambda *_, **__: 1 // 0)
    status = to_end(create_run(SMALL))
    assert (status.state, status.reason.split(":")[0]) == ("failed", "ZeroDivisionError")


def test_resuming_with_other_data_is_refused(tmp_path):
    file = tmp_path / "digits.csv"
    digits = load_digits("mnist-5k")
    write_csv(file, digits[:300])
    run = create_run(SMALL.replace(data=str(file), epochs=50))
    for _ in islice(train_run(run), 3):
        pass
    write_csv(file, digits[300:600])
    status = to_end(run)
    assert status.state == "failed"
    assert "not those this run was trained on" in status.reason


def test_a_run_keeps_the_drawings_it_began_with():
    images = made_digits(12).images
    for label, image in enumerate(images[:5]):
        append_drawing(image, label, predicted=0, confidence=0.5, model="shipped", session="s")
    run = create_run(SMALL.replace(drawings_weight=3))
    train, _ = load_data(run)
    assert len(train) == 3667 + 5
    append_drawing(images[6], 6, predicted=0, confidence=0.5, model="shipped", session="s")
    again, _ = load_data(run)
    assert again.fingerprint == train.fingerprint
    status = to_end(run)
    assert (status.state, status.images) == ("finished", 3682)


def test_a_run_names_the_version_of_the_drawings_that_it_learns_and_no_held_out_one_is_among_them():
    images = made_digits(60).images[:12]
    ids = [append_drawing(image, 3, predicted=0, confidence=0.5, model="shipped", session="s") for image in images]
    edit_drawings(ids[:1], state="set aside")
    version = drawings_version()
    run = create_run(SMALL.replace(drawings_weight=1))
    train, _ = load_data(run)
    assert len(train) == 3667 + 12 - 1 - 2
    assert open_run(run.folder).config.drawings_version == run.config.drawings_version == version
    edit_drawings(ids, label=4)
    again, _ = load_data(create_run(run.config))  # from its config alone
    assert again.fingerprint == train.fingerprint
    assert to_end(run).state == "finished"
    assert load_checkpoint(run.last).settings["drawings_version"] == version


def test_a_test_digit_that_was_uploaded_as_a_drawing_does_not_teach():
    test, (_, validation) = load_digits("mnist-5k", "test"), load_training("mnist-5k")
    for image in (test.images[0], validation.images[0], made_digits(1).images[0]):
        append_drawing(image, 1, predicted=0, confidence=0.5, model="shipped", session="s", source="uploaded")
    train, _ = load_data(create_run(SMALL.replace(drawings_weight=1)))
    assert len(train) == 3667 + 1


def test_wishing_for_drawings_that_are_not_there_is_a_sentence():
    status = to_end(create_run(SMALL.replace(drawings_weight=1)))
    assert status.state == "failed"
    assert "draw some first" in status.reason


def test_a_run_has_one_worker(monkeypatch):
    monkeypatch.setattr("experiments.jobs.record.HOLD_SECONDS", 0.1)
    run = create_run(ENDLESS)
    statuses = train_run(run)
    next(statuses)
    # In another thread, because file locks know only processes and handles.
    refused = []

    def second():
        try:
            next(train_run(run))
        except RunError as error:
            refused.append(str(error))

    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    statuses.close()
    assert "another process" in refused[0]
    assert run.status().state == "interrupted"


def test_a_run_that_starts_from_a_model_begins_with_its_weights():
    first = finish(SMALL)
    second = create_run(SMALL.replace(steps=1, learning_rate=1e-6), start=first.model)
    to_end(second)
    before, after = load_checkpoint(first.model).weights, load_checkpoint(second.last).weights
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)


def test_a_model_with_other_layers_cannot_be_started_from():
    first = finish(SMALL)
    status = to_end(create_run(SMALL.replace(hidden=(9,)), start=first.model))
    assert status.state == "failed"
    assert "784-8-10, this config 784-9-10" in status.reason


def write_csv(path, digits):
    rows = np.column_stack([digits.labels, digits.images.reshape(len(digits), -1)])
    np.savetxt(path, rows, fmt="%d", delimiter=",")


def test_control_written_by_hand_to_half_is_read_when_it_is_whole():
    run = create_run(ENDLESS)
    control = run.folder / "control.json"
    for status in train_run(run):
        if "cannot be read" in log(run):
            control.write_text('{"action": "stop"}')
        elif status.state == "running":
            control.write_text('{"action": "st')
    assert status.state == "stopped"
