"""Learning on the Draw page without a browser: what is offered and shown, and what Keep, Discard
and Go back do.
"""

from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.draw.fine_tuning import outcome_text
from dataset import append_drawing, load_drawings, load_training
from dataset.drawings import edit_drawings
from experiments import fine_tuning
from experiments.fine_tuning import FineTuningResult, Score
from experiments.runs import control as jobs
from experiments.runs.config import RunConfig
from experiments.runs.run import Run
from experiments.runs.table import list_runs
from model import load_checkpoint, save_checkpoint
from tests.page_without_browser import open_page, run
from tests.small_runs import finish, to_end


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning is short, and trained in this process."""
    st.cache_resource.clear()
    monkeypatch.setattr(fine_tuning, "PRACTISED", (400, 1500))
    monkeypatch.setattr(jobs, "start", to_end)
    monkeypatch.setattr(jobs, "resume", lambda run: (run.enqueue(), to_end(run)))


@pytest.fixture
def model() -> Run:
    return finish(RunConfig(data="mnist-5k", hidden=(16,), epochs=1))


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FineTuningResult, "refusal", "")


def store(count: int, *, wrong: bool = True) -> None:
    """Digits upside down."""
    digits = load_training("mnist-5k")[0][:count]
    for image, label in zip(np.ascontiguousarray(digits.images[:, ::-1]), digits.labels, strict=True):
        said = (int(label) + wrong) % 10
        append_drawing(image, int(label), predicted=said, confidence=0.9, model="", session="")


def click(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def address(app: AppTest, name: str) -> str | None:
    """What the address says; the harness gives a text that it was told, and a list of one that the
    page set.
    """
    found = app.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.success, app.info, app.warning, app.error, app.caption)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_the_panel_is_open_at_first_and_stays_closed_once_it_was() -> None:
    app = open_page("draw")
    assert "Learn now" in labels(app)
    app.session_state["learning"] = False
    assert "Learn now" not in labels(run(app))
    store(1)
    assert "Learn now" not in labels(run(app))


def test_without_drawings_the_panel_says_what_to_do() -> None:
    app = open_page("draw")
    assert "when an answer is wrong" in words(app)
    assert next(button for button in app.button if button.label == "Learn now").disabled


def test_the_panel_counts_what_there_is_to_learn_from() -> None:
    store(50)
    assert "40 drawings to learn from, 40 of them corrected; 10 more are held out for testing." in words(
        open_page("draw")
    )


def test_drawings_that_were_all_read_right_can_be_learned_from_too() -> None:
    store(1, wrong=False)
    assert (
        "1 drawing to learn from, none of them corrected; every fifth drawing of a digit will be held out for testing."
        in words(open_page("draw"))
    )


def test_drawings_that_are_all_held_out_are_not_passed_over() -> None:
    store(50)
    drawings = load_drawings()
    edit_drawings(drawings.id[~drawings.is_held_out].tolist(), state="deleted")
    app = open_page("draw")
    assert "Nothing to learn from yet: 10 drawings, held out for testing." in words(app)
    assert next(button for button in app.button if button.label == "Learn now").disabled


def test_the_panel_counts_corrections_while_it_is_closed() -> None:
    store(2)
    assert "2 corrected" in open_page("draw").expander[0].label


def test_what_came_of_a_fine_tuning_is_always_a_sentence() -> None:
    none, old = Score(0, 0, 0), Score(990, 989, 1000)
    both = FineTuningResult(Score(0, 8, 9), Score(22, 24, 26), old, ())
    assert outcome_text(both) == (
        "It now reads 8 of 9 corrected drawings, before 0; and 24 of 26 held-out drawings, before 22."
    )
    assert (
        outcome_text(FineTuningResult(Score(0, 1, 1), none, old, ()))
        == "It now reads 1 of 1 corrected drawing, before 0."
    )
    assert (
        outcome_text(FineTuningResult(none, none, old, ()))
        == "It was trained on drawings that it had read correctly before."
    )


def test_a_fine_tuning_that_learned_little_asks_about_the_labels(
    model: Run, accepted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(10)
    read = fine_tuning.read_result
    monkeypatch.setattr(fine_tuning, "read_result", lambda run: replace(read(run), corrected=Score(0, 4, 9)))
    app = click(open_page("draw", model=model.id), "Learn now")
    assert "Check their labels" in app.info[0].value
    assert not app.success


def test_a_fine_tuning_that_is_kept_answers_from_then_on_and_can_be_left_again(model: Run, accepted: None) -> None:
    store(20)
    app = click(open_page("draw", model=model.id), "Learn now")
    assert "corrected drawings" in words(app)
    assert {"Keep", "Discard"} <= set(labels(app))
    identity = address(app, "lesson")
    app = click(app, "Keep")
    assert address(app, "model") == identity
    assert address(app, "lesson") is None
    assert [kept.id for kept in list_runs()] == [identity, model.id]
    assert "learned from 20 drawings" in words(app)
    assert "There are no new drawings yet." in words(app)
    assert "each share with its 95 % interval" not in words(app)
    app.toggle[0].set_value(True)
    assert "each share with its 95 % interval" in words(run(app))
    app = click(app, "Go back")
    assert address(app, "model") == model.id
    assert "Go back" not in labels(app)


def test_a_discarded_fine_tuning_changes_nothing(model: Run, accepted: None) -> None:
    store(10)
    app = click(click(open_page("draw", model=model.id), "Learn now"), "Discard")
    assert address(app, "model") == model.id
    assert address(app, "lesson") is None
    assert [kept.id for kept in list_runs()] == [model.id]


def test_a_refused_fine_tuning_says_why_and_cannot_be_kept(model: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store(10)
    monkeypatch.setattr(FineTuningResult, "refusal", "It now reads fewer.")
    app = click(open_page("draw", model=model.id), "Learn now")
    assert "**The new weights are not used.** It now reads fewer." in words(app)
    assert "Keep" not in labels(app)
    assert address(click(app, "Close"), "lesson") is None


def test_a_fine_tuning_is_found_again_by_its_address(model: Run, accepted: None) -> None:
    store(10)
    app = click(open_page("draw", model=model.id), "Learn now")
    again = open_page("draw", model=model.id, lesson=address(app, "lesson") or "")
    assert "Keep" in labels(again)


def test_an_address_of_no_fine_tuning_is_a_sentence_and_then_forgotten() -> None:
    app = open_page("draw", lesson="nothing")
    assert "There is no fine-tuning nothing here, or not any more." in words(app)
    assert "Learn now" in labels(app)
    assert address(app, "lesson") is None


def test_an_unfinished_fine_tuning_can_be_resumed(model: Run, accepted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store(10)

    def stop(run: Run) -> None:
        run.request("stop")
        to_end(run)

    monkeypatch.setattr(jobs, "start", stop)
    app = click(open_page("draw", model=model.id), "Learn now")
    assert "Nothing was learned." in words(app)
    assert "Keep" in labels(click(app, "Resume"))


def test_a_model_of_clothing_has_no_panel(model: Run) -> None:
    checkpoint = load_checkpoint(model.model)
    save_checkpoint(model.model, replace(checkpoint, about=checkpoint.about | {"classes": list("abcdefghij")}))
    assert not open_page("draw", model=model.id).expander


def test_intervals_and_counts_stand_beside_each_share() -> None:
    from dashboard.draw.fine_tuning import scores_table

    table = scores_table(FineTuningResult(Score(3, 12, 12), Score(0, 0, 0), Score(990, 989, 1000), ()))
    table = table.replace("\N{NO-BREAK SPACE}", " ")
    for text in ("25.0 %", "8.9 to 53.2", "100.0 %", "99.00 %", "98.90 %", "1,000", "–"):
        assert text in table
