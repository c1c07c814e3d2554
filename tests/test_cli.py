"""The command line: what it prints, how it ends, and that it never shows a traceback."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dataset import append_drawing, load_digits, load_training
from dataset.corrections import RELABELLED, correct_label
from experiments.runs.config import PRESETS
from experiments.runs.run import open_run
from experiments.runs.table import list_runs
from model import Checkpoint, build_trainer, load_checkpoint, save_checkpoint
from tests.small_runs import SMALL, finish, in_state, underway, until

COMMAND = [sys.executable, "-m", "experiments"]
ENDLESS_OPTIONS = ["--data", "mnist-5k", "--set", "hidden=8", "--steps", "1000000"]


def test_training_prints_lines_and_what_to_do_next(digits):
    status, out, err = digits("train", "--data", "mnist-5k", "--epochs", 3, "--set", "hidden=16", "--name", "mine")
    (run,) = list_runs()
    assert (status, err) == (0, "")
    assert run.name == "mine"
    assert run.config == PRESETS["quick"].replace(data="mnist-5k", epochs=3, hidden=(16,))
    lines = out.splitlines()
    assert lines[0] == f"Run {run.folder}"
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/3", "2/3", "3/3"]
    assert all(word in lines[1] for word in ("images/s", "loss", "accuracy", "validation", "left"))
    assert re.match(r"Finished after 3 epochs, .* s\. \d\d\.\d % of 333 validation images\.", lines[-2])
    assert f"digits test --run {run.id}" in lines[-1]


def test_training_as_json_prints_one_object(digits):
    status, out, err = digits("train", "--data", "mnist-5k", "--steps", 5, "--json")
    found = json.loads(out)
    assert (status, found["state"], found["step"]) == (0, "finished", 5)
    assert open_run(found["run"]).model == type(open_run(found["run"]).model)(found["model"])
    assert "epoch" in err


def test_every_option_of_train_reaches_the_config(digits, tmp_path):
    options = ["--preset", "relu-64-64", "--data", "mnist-5k", "--steps", 3, "--learning-rate", 0.25]
    options += ["--batch-size", 7, "--seed", 5]
    status, out, _ = digits("train", *options, "--set", "weight-decay=0.5", "--set", "hidden=", "--run", tmp_path / "r")
    config = open_run(tmp_path / "r").config
    assert status == 0
    assert (config.steps, config.learning_rate, config.batch_size, config.seed) == (3, 0.25, 7, 5)
    assert (config.weight_decay, config.hidden) == (0.5, ())
    assert f"--run {tmp_path / 'r'}" in out


def test_threads_are_a_number_or_measured_and_the_config_holds_the_number(digits, monkeypatch):
    monkeypatch.setattr("experiments.training.cost.measure_speeds", lambda config, train: {1: 20_000.0, 2: 30_000.0})
    status, out, err = digits("train", "--data", "mnist-5k", "--steps", 1, "--threads", "auto")
    assert (status, err, list_runs()[0].config.threads) == (0, "", 2)
    assert out.splitlines()[0] == "2 threads: 30,000 images/s, 1.5 times one thread."
    digits("train", "--data", "mnist-5k", "--steps", 1, "--threads", 3)
    assert list_runs()[0].config.threads == 3
    for threads, sentence in {
        "0": "threads lies between 1 and 64, got 0.",
        "many": "--threads takes a whole number or auto, got 'many'.",
    }.items():
        assert digits("train", "--threads", threads) == (2, "", f"digits: {sentence}\n")


def test_epochs_replace_the_steps_of_a_preset(digits):
    digits("train", "--preset", "full-batch-64", "--data", "mnist-5k", "--epochs", 2)
    assert list_runs()[0].config.total_steps(3667) == 2


def test_training_goes_on_from_a_model_in_a_new_run(digits):
    first = finish(SMALL.replace(activation="tanh"))
    status, *_ = digits("train", "--data", "mnist-5k", "--from", first.id, "--steps", 2)
    second = list_runs()[0]
    assert status == 0
    assert second.id != first.id
    assert (second.config.hidden, second.config.activation) == ((8,), "tanh")
    assert second.start.exists()


def test_testing_a_run_as_text_and_as_json(digits):
    run = finish(SMALL)
    status, out, _ = digits("test", "--run", run.id, "--data", "mnist-5k", "--json")
    found = json.loads(out)
    confusion = np.array(found["confusion"])
    assert status == 0
    assert (found["total"], found["split"], found["source"]) == (1000, "test", "mnist-5k")
    assert confusion.shape == (10, 10)
    assert confusion.sum(axis=1).tolist() == [100] * 10
    assert found["correct"] == confusion.trace() == round(found["accuracy"] * 1000)
    assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    _, out, _ = digits("test", "--model", run.last, "--data", "mnist-5k", "--split", "validation")
    assert re.match(r"\d\d\.\d % right: \d+ of 333 validation digits of mnist-5k\n95 % interval", out)


def test_robustness_is_a_table_and_part_of_the_json(digits):
    run = finish(SMALL)
    command = ["test", "--run", run.id, "--data", "mnist-5k", "--robustness"]
    found = json.loads(digits(*command, "--json")[1])
    assert found["robustness"]["digits"] == 1000
    counts = found["robustness"]["correct"]
    assert counts["shift"]["0"] == counts["scale"]["100"] == found["correct"] > counts["noise"]["80"]
    table = digits(*command)[1].split("disturbed:\n")[1].splitlines()
    assert table[0].split() == ["Moved", "by", "(pixels)", *counts["shift"]]
    assert table[1].split() == ["right", *(f"{count / 10:.1f}" for count in counts["shift"].values())]


def test_a_score_on_digits_that_were_learnt_says_so(digits):
    run = finish(SMALL)
    _, out, err = digits("test", "--run", run.id, "--data", "mnist-5k", "--split", "train", "--json")
    assert json.loads(out)["seen"] == 3667
    assert err == "digits: this model was trained on 3,667 of these 3,667 digits.\n"
    assert digits("test", "--run", run.id, "--data", "mnist-5k")[2] == ""


def test_predicting_pictures_of_any_polarity_and_size(digits, tmp_path):
    run = finish(SMALL.replace(hidden=(64,), epochs=15))
    test = load_digits("mnist-5k", "test")[:60]
    files = []
    for number, image in enumerate(test.images):
        picture = Image.fromarray([image, 255 - image, np.kron(image, np.ones((10, 10), np.uint8))][number % 3])
        files.append(tmp_path / f"{number}.png")
        picture.save(files[-1])
    status, out, _ = digits("predict", *files, "--run", run.id, "--json")
    found = json.loads(out)
    answers = [int(answer["prediction"]) for answer in found["predictions"]]
    assert status == 0
    assert np.mean(answers == test.labels) > 0.85
    assert sum(found["predictions"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    _, out, _ = digits("predict", files[0], "--run", run.id)
    assert re.match(rf"{re.escape(str(files[0]))}: \d with [\d.]+ %, then \d with [\d.]+ %\n$", out)


def test_a_picture_that_looks_like_no_digit_is_said_to_be_none(digits, tmp_path):
    run = finish(SMALL)
    picture = tmp_path / "digit.png"
    Image.fromarray(load_digits("mnist-5k", "test").images[0]).save(picture)
    _, out, _ = digits("predict", picture, "--run", run.id, "--json")
    assert json.loads(out)["predictions"][0]["known"]
    saved = load_checkpoint(run.best)
    save_checkpoint(run.best, Checkpoint(saved.settings, saved.weights, about={**saved.about, "rejects_above": -1.0}))
    _, out, _ = digits("predict", picture, "--run", run.id, "--json")
    assert not json.loads(out)["predictions"][0]["known"]
    assert "does not look like a digit I know; the nearest is" in digits("predict", picture, "--run", run.id)[1]


def test_presets_are_listed_with_their_size(digits):
    _, out, _ = digits("presets")
    assert all(name in out for name in PRESETS)
    assert "784-128-64-10 relu, 109,386 parameters" in out
    _, out, _ = digits("presets", "--json")
    assert json.loads(out)["quick"]["parameters"] == 109_386
    _, out, _ = digits("presets", "quick")
    assert "learning_rate=0.003 [1e-06 to 100]" in out
    assert "hidden=128,64" in out


def test_drawings_are_listed_exported_and_imported(digits, tmp_path, monkeypatch):
    append_drawing(np.eye(28, dtype=np.uint8) * 200, 7, predicted=1, confidence=0.5, model="shipped", session="s")
    _, out, _ = digits("data", "list")
    assert "mnist-5k (here)" in out
    assert "1 of 7" in out
    file = tmp_path / "mine.csv"
    assert digits("data", "export", file)[0] == 0
    assert digits("data", "check", file)[:2] == (0, f"{file} has no problems: 1 digits.\n")
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "other.csv"))
    assert "1 digits were added" in digits("data", "import", file)[1]


def test_drawings_move_into_a_database_and_back(digits, tmp_path, monkeypatch):
    append_drawing(np.eye(28, dtype=np.uint8) * 200, 7, predicted=1, confidence=0.5, model="shipped", session="s")
    database = f"sqlite:///{tmp_path / 'drawings.db'}"
    assert f"1 drawings are now in {database} with their history" in digits("data", "move", database)[1]
    monkeypatch.setenv("DIGITS_DATABASE", database)
    assert f"drawings (1 in {database})" in digits("data", "list")[1]
    assert digits("data", "move", tmp_path / "back.csv")[0] == 0
    assert (tmp_path / "back.csv").read_bytes() == (tmp_path / "drawings.csv").read_bytes()
    status, _, err = digits("data", "move", database)
    assert (status, err) == (2, f"digits: The drawings are in {database} already.\n")


def test_corrected_labels_move_with_the_drawings_and_are_exported_and_imported(digits, tmp_path, monkeypatch):
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    database = f"sqlite:///{tmp_path / 'drawings.db'}"
    assert "0 drawings and 1 judged labels are now in" in digits("data", "move", database)[1]
    monkeypatch.setenv("DIGITS_DATABASE", database)
    file = tmp_path / "out" / "label_corrections.csv"
    file.parent.mkdir()
    assert digits("data", "export", file)[1] == f"1 corrections of labels are now in {file}.\n"
    assert file.read_bytes() == (tmp_path / "label_corrections.csv").read_bytes()
    assert f"0 corrections of labels were added to {database}" in digits("data", "import", file)[1]
    status, _, err = digits("data", "export", file)
    assert (status, err) == (2, f"digits: {file} exists already. Choose another name.\n")


def test_the_name_of_a_file_says_how_drawings_are_exported(digits, tmp_path):
    append_drawing(np.eye(28, dtype=np.uint8) * 200, 7, predicted=1, confidence=0.5, model="shipped", session="s")
    for name in ("mine.zip", "mine-images-idx3-ubyte"):
        assert digits("data", "export", tmp_path / name)[1] == f"1 drawings are now in {tmp_path / name}.\n"
    assert "1 digits were added" in digits("data", "import", tmp_path / "mine.zip")[1]
    assert "0 digits were added" in digits("data", "import", tmp_path / "mine-images-idx3-ubyte")[1]  # the same digit
    status, _, err = digits("data", "export", tmp_path / "mine.doc")
    assert status == 2
    assert "has no known format" in err


def test_checking_a_file_lists_its_problems(digits, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("1,2,3\n" * 30)
    status, out, err = digits("data", "check", file)
    assert status == 2
    assert len(out.splitlines()) == 20
    assert "line 1" in out
    assert err == f"digits: {file} has at least 20 problems.\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "nonsense"),
        (["train", "--preset", "huge"], "quick, best-mlp"),
        (["train", "--epochs", "many"], "whole number"),
        (["train", "--epochs", "0"], "between 1 and 1"),
        (["train", "--epochs", "1", "--steps", "1"], "not allowed with"),
        (["train", "--learning-rate", "nan"], "between"),
        (["train", "--set", "hidden"], "KEY=VALUE"),
        (["train", "--set", "hidden=9,x"], "128,64"),
        (["train", "--set", "speed=9"], "no setting"),
        (["train", "--set", "data=mnist"], "--data"),
        (["train", "--data", "nowhere.csv"], "nowhere.csv"),
        (["train", "--data", "mnist-5k", "--set", "patience=2", "--set", "validation_share=0"], "validation"),
        (["train", "--from", "nowhere.npz"], "nowhere.npz"),
        (["train", "--data", "mnist-5k", "--run", "/proc/none"], "/proc/none"),
        (["resume", "nothing"], "no run nothing"),
        (["test", "--model", "nowhere.npz"], "nowhere.npz"),
        (["test", "--run", "nothing"], "no run nothing"),
        (["test", "--model", __file__], "not a .npz file"),
        (["predict"], "IMAGE"),
        (["presets", "huge"], "quick, best-mlp"),
        (["data"], "ACTION"),
        (["data", "download", "letters"], "mnist"),
        (["data", "check", "nowhere.csv"], "nowhere.csv"),
        (["data", "import", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_bad_input_is_one_line_and_status_2(digits, arguments, expected):
    status, _, err = digits(*arguments)
    assert status == 2
    assert err.startswith("digits: ")
    assert err.count("\n") == 1
    assert expected in err


def test_pictures_that_cannot_be_read_are_one_line(digits, tmp_path):
    run = finish(SMALL)
    blank, text = tmp_path / "blank.png", tmp_path / "text.png"
    Image.new("L", (50, 50), 255).save(blank)
    text.write_text("seven")
    for file in (blank, text, tmp_path / "none.png"):
        status, out, err = digits("predict", file, "--run", run.id)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert str(file) in err


def test_a_model_of_clothes_is_not_scored_on_digits(digits, tmp_path):
    clothes = tmp_path / "clothes.npz"
    build_trainer(SMALL, *load_training("mnist-5k")).save_weights(clothes, classes=["Coat", *"123456789"])
    status, _, err = digits("test", "--model", clothes, "--data", "mnist-5k")
    assert (status, err.count("\n")) == (2, 1)
    assert "Coat" in err


def test_resuming_a_finished_run_says_so(digits):
    status, out, _ = digits("resume", finish(SMALL).id)
    assert status == 0
    assert "nothing to resume" in out


def test_a_diverged_run_ends_with_status_1(digits):
    options = ["--data", "mnist-5k", "--preset", "relu-64-64", "--learning-rate", "100"]
    status, _, err = digits("train", *options)
    assert status == 1
    assert "diverged" in err
    assert err.count("\n") == 1


def test_help_explains_every_command_and_option(digits):
    for command in ([], ["train"], ["resume"], ["test"], ["predict"], ["presets"], ["data"], ["data", "check"]):
        status, out, _ = digits(*command, "--help")
        assert status == 0
        assert out.startswith("usage: digits")
        for option in re.findall(r"^  (-\S+.*)", out, re.MULTILINE):
            assert len(option.split()) > 2, option
    assert digits()[0] == 0


def test_commands_have_a_second_plain_name(digits):
    for name, alias in ((["learn"], ["fine-tune"]), (["data", "suspects"], ["data", "label-errors"])):
        assert digits(*name, "--help") == digits(*alias, "--help")
    assert digits("fine-tune")[2] == digits("learn")[2] != ""


def test_help_comes_without_numpy():
    imports = "import sys; from experiments.cli.main import PARSER"
    code = f"{imports}; PARSER.format_help(); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaving_saves_the_run_and_says_how_to_go_on(number):
    # nohup has SIGHUP ignored, and a run respects that. A handler, unlike that, is not inherited.
    before = signal.signal(number, lambda *_: None)
    process = subprocess.Popen([*COMMAND, "train", *ENDLESS_OPTIONS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(number, before)
    until(lambda: list_runs() and underway(list_runs()[0])(), "the run to begin")
    (run,) = list_runs()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert f"Continue with: digits resume {run.id}" in out.decode()
    assert run.status().state == "interrupted"
    step = run.status().step
    again = subprocess.Popen([*COMMAND, "resume", run.id], stdout=subprocess.PIPE)
    until(lambda: run.status().state == "running" and run.status().step > step, "the run to go on")
    run.request("stop")
    assert b"Stopped at step" in again.communicate(timeout=60)[0]
    assert again.returncode == 0


@pytest.mark.slow
def test_a_run_in_a_terminal_waits_for_its_turn_and_says_so(monkeypatch):
    monkeypatch.setenv("DIGITS_WORKERS", "1")
    first = subprocess.Popen([*COMMAND, "train", *ENDLESS_OPTIONS], stdout=subprocess.PIPE)
    until(lambda: list_runs() and underway(list_runs()[0])(), "the first run to begin")
    (run,) = list_runs()
    second = subprocess.Popen(
        [*COMMAND, "train", "--data", "mnist-5k", "--steps", "3"], stdout=subprocess.PIPE, text=True
    )
    assert second.stdout.readline().startswith("Run ")
    assert second.stdout.readline() == "Waiting for its turn, place 1 in the queue.\n"
    run.request("stop")
    assert "Finished" in second.communicate(timeout=60)[0]
    first.communicate(timeout=60)


@pytest.mark.slow
def test_a_reader_that_goes_away_leaves_an_interrupted_run():
    process = subprocess.Popen([*COMMAND, "train", *ENDLESS_OPTIONS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""
    assert list_runs()[0].status().state == "interrupted"
    process.stderr.close()


@pytest.mark.slow
def test_a_terminal_gets_a_progress_bar():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", "mnist-5k"], stdout=theirs, stderr=theirs, stdin=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    text = shown.decode()
    assert process.wait() == 0
    assert "━" in text
    for words in ("100 %", "step 145 of 145", "images/s", "loss ", "validation ", " left", "Finished after 5 epochs"):
        assert words in text


@pytest.mark.slow
def test_the_second_ctrl_c_does_not_wait():
    process = subprocess.Popen([*COMMAND, "train", *ENDLESS_OPTIONS], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until(lambda: list_runs() and underway(list_runs()[0])(), "the run to begin")
    (run,) = list_runs()
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) in (130, -signal.SIGINT)
    until(in_state(run, "interrupted"), "the run to be interrupted")
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
