"""Who may do what on a shared dashboard, and the limits of visitors."""

from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from dashboard.access import actions, limits
from dashboard.access.decision import Action, is_owner, is_reviewed, refusal_of
from dashboard.access.limits import Refusal, Work, visit
from dashboard.access.policy import PolicyError, Settings, read_policy
from dataset import drawings_history, load_digits, load_drawings
from dataset.drawings import editing
from dataset.drawings.log import timestamp
from dataset.drawings.retention import erase_expired
from experiments.guides import GUIDES
from experiments.runs import control
from experiments.runs.config import PRESETS
from experiments.runs.run import Status
from experiments.runs.table import list_runs
from experiments.sweeps import SweepSpec, list_sweeps
from experiments.sweeps.space import Range
from model import load_classifier
from tests.page_without_browser import open_page
from tests.small_runs import finish, to_end

ISSUER = "https://accounts.example.com"
OWNER = {"is_logged_in": True, "email": "Owner@example.com", "email_verified": True, "sub": "1", "iss": ISSUER}
VISITOR = {"is_logged_in": True, "email": "someone@example.com", "email_verified": True, "sub": "2", "iss": ISSUER}
AUTH = {"auth": {"client_id": "x"}}
ABOUT = {"predicted": 3, "confidence": 0.5, "model": "m", "session": "s"}
QUICK = PRESETS["quick"].replace(data="mnist-5k", epochs=1)
RATES = {"learning_rate": Range(1e-4, 1e-1, log=True)}
LONG = PRESETS["cnn"].replace(data="mnist-5k", epochs=500)


class Person:
    """Who is asking, and when; sets what the secrets say."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.now = patch, 1000.0
        patch.setattr(limits, "work", [])
        patch.setattr(limits.time, "monotonic", lambda: self.now)
        self.comes({}, {})

    def comes(self, user: dict[str, Any], said: dict[str, Any]) -> None:
        """This user in a new session, at a deployment with these secrets."""
        secrets = Secrets()
        secrets._secrets = said
        self.patch.setattr(st, "secrets", secrets)
        self.patch.setattr(st, "user", user)
        st.session_state.clear()


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(monkeypatch)


def store(label: int = 7, shade: int = 0) -> str:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 8 + shade % 12] = 255
    return actions.append_drawing(image, label, **ABOUT)


def shared(**said: Any) -> dict[str, Any]:
    return AUTH | {"digit_lab": {"owners": ["owner@example.com"], **said}}


def test_on_a_machine_of_ones_own_everything_is_everybodys(person: Person) -> None:
    assert is_owner()
    assert [refusal_of(action) for action in Action] == [None] * len(Action)


def test_limits_without_a_login_count_only_where_it_is_public(person: Person) -> None:
    person.comes({}, {"digit_lab": {"drawings_per_minute": 0}})
    assert refusal_of(Action.DRAW) is None
    person.comes({}, {"digit_lab": {"drawings_per_minute": 0, "public": True}})
    assert refusal_of(Action.DRAW)


def test_the_owner_is_known_by_a_verified_address_in_upper_or_lower_case(person: Person) -> None:
    person.comes(OWNER, shared())
    assert is_owner()


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"is_logged_in": False, **{name: OWNER[name] for name in ("email", "email_verified")}},
        OWNER | {"email_verified": False},
        {name: OWNER[name] for name in ("is_logged_in", "email")},
        VISITOR,
        OWNER | {"email": None},
        VISITOR | {"sub": "owner@example.com"},
    ],
    ids=[
        *("nobody", "logged out", "not verified", "verified by nobody", "somebody else", "without an address"),
        "the owner's address as the subject",
    ],
)
def test_nobody_else_is_the_owner(person: Person, user: dict[str, Any]) -> None:
    person.comes(user, shared())
    assert not is_owner()


@pytest.mark.parametrize(
    ("user", "is_known"),
    [
        ({"sub": "AbC", "iss": ISSUER}, True),
        ({"sub": "AbC", "iss": f"{ISSUER}/"}, True),
        ({"sub": "abc", "iss": ISSUER}, False),
        ({"sub": "AbC", "iss": "https://another.example.com"}, False),
        ({"sub": "AbC"}, False),
        ({"sub": "", "iss": f"{ISSUER}#AbC"}, False),
        ({"email": f"{ISSUER}#AbC", "email_verified": True}, False),
    ],
)
def test_an_owner_can_be_named_by_issuer_and_subject(person: Person, user: dict[str, Any], is_known: bool) -> None:
    person.comes(user | {"is_logged_in": True}, AUTH | {"digit_lab": {"owners": [f"{ISSUER}#AbC"]}})
    assert is_owner() == is_known


@pytest.mark.parametrize("name", ["1234", "accounts.example.com#1234", "https://accounts.example.com", "#1"])
def test_an_owner_without_an_issuer_is_refused_with_the_way_to_write_it(person: Person, name: str) -> None:
    person.comes({"is_logged_in": True, "sub": name, "iss": ISSUER}, AUTH | {"digit_lab": {"owners": [name]}})
    with pytest.raises(PolicyError, match=r'owners = \["https://accounts\.google\.com#1234"\]'):
        is_owner()


def test_a_login_without_owners_has_none(person: Person) -> None:
    person.comes(VISITOR | {"sub": "", "email": ""}, AUTH | {"digit_lab": {"owners": ["", " "]}})
    assert not is_owner()


def test_an_address_that_a_proxy_sends_makes_nobody_the_owner_without_a_login(person: Person) -> None:
    person.comes(OWNER, {"digit_lab": {"public": True, "owners": ["owner@example.com"]}})
    assert not is_owner()


@pytest.mark.parametrize(
    "said",
    [
        {"ownres": ["owner@example.com"]},
        {"owners": "owner@example.com"},
        {"review": "yes"},
        {"drawings": -1},
        {"drawings": True},
        {"trainings": 1.5},
    ],
)
def test_a_slip_in_the_secrets_is_named_and_opens_nothing(person: Person, said: dict[str, Any]) -> None:
    person.comes({}, AUTH | {"digit_lab": said})
    with pytest.raises(PolicyError, match=next(iter(said))):
        refusal_of(Action.EDIT)


def test_secrets_that_cannot_be_read_open_nothing(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth\n")
    monkeypatch.setattr(st, "secrets", Secrets())
    monkeypatch.setattr(st, "get_option", lambda name: [str(broken)])
    monkeypatch.setattr("streamlit.config.get_option", lambda name: [str(broken)])
    with pytest.raises(PolicyError, match="no page opens"):
        read_policy()


@pytest.mark.parametrize(
    "act",
    [
        lambda: actions.edit_drawings(["x"], label=3),
        lambda: actions.edit_drawings(["x"], state="deleted"),
        lambda: actions.undo_change(1),
        lambda: actions.return_to("0"),
        lambda: actions.import_drawings(Path("x.csv")),
        lambda: actions.correct_label("x", "right", given=1, label=1, session="s"),
        lambda: actions.import_corrections(Path("x.csv")),
        lambda: actions.start_training(QUICK.replace(data="/etc/passwd"), name="x"),
        lambda: actions.start_search("mnist", "test", None),
    ],
    ids=["relabel", "delete", "undo", "return", "import", "correct", "import corrections", "train on a file", "search"],
)
def test_what_is_the_owners_is_refused_to_visitors_in_a_sentence(person: Person, act: Any) -> None:
    person.comes(VISITOR, shared())
    with pytest.raises(Refusal, match=r"Only the owner may .* here\. If that is you, log in"):
        act()


def test_a_visitor_neither_steers_nor_deletes_what_others_have_begun(person: Person) -> None:
    run = finish(QUICK)
    person.comes(VISITOR, shared())
    for act in (actions.stop, actions.pause, actions.resume, actions.delete_run):
        with pytest.raises(Refusal):
            act(run)
    with pytest.raises(Refusal):
        actions.set_learning_rate(run, 1.0)
    with pytest.raises(Refusal):
        actions.set_label(run, name="mine")
    assert run.label().name != "mine"


def test_so_many_drawings_a_minute_then_a_sentence_says_when_it_works_again(person: Person) -> None:
    person.comes({}, shared(drawings_per_minute=3))
    for shade in range(3):
        store(shade=shade)
        person.now += 10
    with pytest.raises(Refusal, match="at most 3 drawings in a minute here\\. It works again in 30\N{NO-BREAK SPACE}s"):
        store()
    person.now += 31
    store()
    assert len(load_drawings().id) == 4


def test_what_is_refused_to_one_session_is_not_to_another(person: Person) -> None:
    person.comes({}, shared(drawings_per_session=1))
    store()
    with pytest.raises(Refusal, match="at most 1 drawing in one visit"):
        store()
    st.session_state.clear()
    store()


def test_no_more_drawings_than_there_is_room_for(person: Person) -> None:
    person.comes({}, shared(drawings=2))
    store(shade=1)
    editing.undo_drawing(store(shade=2))  # it takes up room although it is deleted
    with pytest.raises(Refusal, match="At most 2 drawings can be stored here"):
        store()
    person.comes(OWNER, shared(drawings=2))
    store()


@pytest.mark.parametrize(("user", "state"), [({}, "waiting"), (VISITOR, "waiting"), (OWNER, "kept")])
def test_drawings_of_visitors_wait_where_there_is_a_review(person: Person, user: dict[str, Any], state: str) -> None:
    person.comes(user, shared(review=True))
    assert is_reviewed() == (state == "waiting")
    store()
    assert load_drawings().state.tolist() == [state]


def test_a_long_training_is_the_owners(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    person.comes(VISITOR, shared())
    with pytest.raises(Refusal, match="Visitors may start trainings of at most"):
        actions.start_training(LONG, name="long")
    assert not list_runs()
    person.comes(OWNER, shared())
    actions.start_training(LONG, name="long")
    assert len(list_runs()) == 1


def test_a_long_sweep_is_the_owners(person: Person) -> None:
    person.comes(VISITOR, shared())
    spec = SweepSpec("s", base=LONG, search=RATES, sampler="random", trials=50)
    with pytest.raises(Refusal, match="Visitors may start trainings of at most"):
        actions.start_sweep(spec)
    assert not list_sweeps()


def test_so_many_trainings_at_a_time_for_each_and_for_all(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)  # so it waits for ever
    said = shared(trainings_per_session=2, trainings=3)
    person.comes(VISITOR, said)
    first, _ = (actions.start_training(QUICK, name="x") for _ in range(2))
    with pytest.raises(Refusal, match="at most 2 trainings at a time here, and you have 2"):
        actions.start_training(QUICK, name="x")
    person.comes({}, said)  # another one
    actions.start_training(QUICK, name="x")
    with pytest.raises(
        Refusal, match="All visitors together may have at most 3 trainings at a time here, and they have 3"
    ):
        actions.start_training(QUICK, name="x")
    to_end(first)
    actions.start_training(QUICK, name="x")  # a place is free
    person.comes(OWNER, said)
    actions.start_training(QUICK, name="x")


def test_five_seeds_at_once_count_as_four_more(person: Person) -> None:
    run = finish(QUICK)
    person.comes(VISITOR, shared())
    with pytest.raises(Refusal, match="at most 2 trainings at a time here, and these are 4"):
        actions.train_with_seeds(run)


def sweep_of(trials: int, seeds: int = 1) -> SweepSpec:
    return SweepSpec("s", base=QUICK, search=RATES, sampler="random", trials=trials, seeds=seeds)


def test_a_sweep_is_one_training_at_a_time(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.sweeps.worker.launch", lambda *_, **__: None)  # it waits for its driver
    person.comes(VISITOR, shared(trainings_per_session=1, training_seconds=9999))
    sweep = actions.start_sweep(sweep_of(3, seeds=2))
    with pytest.raises(Refusal, match="at most 1 training at a time here, and you have 1"):
        actions.start_guide(next(iter(GUIDES.values())))
    sweep.request_stop()
    actions.start_guide(next(iter(GUIDES.values())))


def test_a_sweep_needs_room_for_the_runs_that_it_will_make(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.sweeps.worker.launch", lambda *_, **__: None)
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    said = {"trainings_per_session": 99, "trainings": 99, "training_seconds": 9999}
    person.comes(VISITOR, shared(runs=5, **said))
    with pytest.raises(Refusal, match="At most 5 runs can be stored here"):
        actions.start_sweep(sweep_of(6))
    actions.start_sweep(sweep_of(4))
    actions.start_training(QUICK, name="x")
    with pytest.raises(Refusal, match="At most 5 runs can be stored here, and 5 are stored or planned"):
        actions.start_training(QUICK, name="y")


def test_a_sweep_that_is_resumed_counts_like_a_new_one(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.sweeps.worker.launch", lambda *_, **__: None)
    person.comes(VISITOR, shared(training_seconds=9999))
    sweep = actions.start_sweep(sweep_of(4))
    sweep.request_stop()
    person.comes(VISITOR, shared(runs=3, training_seconds=9999))
    monkeypatch.setattr(limits, "work", [])
    visit.started = (sweep.id,)
    with pytest.raises(Refusal, match="At most 3 runs can be stored here"):
        actions.resume_sweep(sweep)


def test_five_seeds_take_the_time_of_all_of_them(person: Person) -> None:
    run = finish(QUICK)
    person.comes(VISITOR, shared(trainings_per_session=9, trainings=9, training_seconds=3))
    assert actions.training_cost(run.config).seconds < 3
    with pytest.raises(Refusal, match="Visitors may start trainings of at most"):
        actions.train_with_seeds(run)


class Slow:
    """A job that looks for its own state for a while, as on a slow disk."""

    id = "slow"

    def __init__(self) -> None:
        self.asked, self.answer = Event(), Event()

    def status(self) -> Status:
        self.asked.set()
        self.answer.wait(0.5)
        return Status("running")


def test_no_training_is_forgotten_while_another_visitor_is_asking(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    person.comes(VISITOR, shared(trainings=9))
    slow = Slow()
    limits.work.append(Work("another", slow, 1, is_stored=True))
    asking = Thread(target=lambda: refusal_of(Action.TRAIN))
    asking.start()
    slow.asked.wait(5)
    run = actions.start_training(QUICK, name="x")
    asking.join()
    assert [work.job.id for work in limits.work] == ["slow", run.id]


def test_what_one_visit_has_made_is_not_taken_back_or_kept_by_another(person: Person) -> None:
    person.comes(VISITOR, shared())
    identity, run = store(), finish(QUICK)
    visit.started = (run.id,)
    assert refusal_of(Action.STEER, of=run.id) is None
    person.comes({}, shared())
    with pytest.raises(Refusal, match="undo drawings of others"):
        actions.undo_drawing(identity)
    with pytest.raises(Refusal, match="control jobs of others"):
        actions.accept_fine_tuning(run)
    assert load_drawings().state.tolist() == ["kept"]


def test_a_visitor_takes_their_own_drawing_back(person: Person) -> None:
    person.comes(VISITOR, shared())
    assert actions.undo_drawing(store())


def test_downloads_are_the_owners_and_measuring_waits_for_trainings(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    monkeypatch.setattr("experiments.robustness.launch", lambda main, folder: None)
    subject = load_classifier(), load_digits("mnist-5k", "test")[:1]
    person.comes(VISITOR, shared(trainings_per_session=1))
    with pytest.raises(Refusal, match="Only the owner may download data sets"):
        actions.download("mnist")
    actions.start_training(QUICK, name="x")
    with pytest.raises(Refusal, match="at most 1 training at a time"):
        actions.start_robustness(*subject)


def test_so_many_runs_are_kept(person: Person) -> None:
    finish(QUICK)
    person.comes(VISITOR, shared(runs=1))
    with pytest.raises(Refusal, match="At most 1 run can be stored here"):
        actions.start_training(QUICK, name="x")


def test_a_visitor_may_steer_what_the_session_has_begun(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_launch_worker", lambda run: None)
    person.comes(VISITOR, shared())
    run = actions.start_training(QUICK, name="x")
    actions.stop(run)
    assert run.requests().action == "stop"


def test_the_limits_that_hold_by_default_let_a_class_work() -> None:
    limits = Settings()
    assert limits.drawings_per_minute >= 20
    assert limits.training_seconds >= 60


def open_shared(name: str, user: dict[str, Any], said: dict[str, Any], **address: str) -> AppTest:
    """The page as this user sees it at a deployment with these secrets."""
    app = AppTest.from_function(_show, default_timeout=60, args=(name,))
    app.secrets.update(said)
    app.user = user
    for parameter, value in address.items():
        app.query_params[parameter] = value
    app.run()
    assert not app.exception
    return app


def _show(name: str) -> None:
    from tests.page_without_browser import show

    show(name)


def words(app: AppTest) -> str:
    return " ".join(
        str(part.value) for kind in ("caption", "info", "error", "warning", "markdown") for part in app.get(kind)
    )


def draw(session: str = "another", state: str = "kept") -> str:
    """Somebody has drawn."""
    return editing.append_drawing(np.full((28, 28), 255, np.uint8), 7, **ABOUT | {"session": session}, state=state)


def test_a_visitor_sees_no_drawing_of_others_that_waits_or_was_deleted() -> None:
    draw(state="waiting")
    draw(state="deleted")
    assert "There are no drawings yet." in words(open_shared("data", VISITOR, shared(review=True)))
    draw()
    app = open_shared("data", VISITOR, shared(review=True))
    assert "Only the owner may relabel, set aside or delete drawings here" in words(app)
    assert "wait" not in words(app)
    app = open_shared("data", VISITOR, shared(review=True), state="Deleted")
    assert "No drawing passes the filters" in words(app)


# Privacy.


def test_a_visitor_takes_back_the_drawings_of_this_visit_and_no_others(person: Person) -> None:
    person.comes(VISITOR, shared())
    others = store(label=1)
    person.comes(VISITOR, shared())
    for label in (2, 3):
        store(label=label, shade=label)
    assert actions.take_back_drawings() == 2
    assert load_drawings(deleted=True).id.tolist() == [others]
    assert actions.take_back_drawings() == 0


def test_taking_back_leaves_the_limits_of_a_visit_as_they_are(person: Person) -> None:
    person.comes(VISITOR, shared(drawings_per_session=2))
    store(), store(shade=1)
    actions.take_back_drawings()
    with pytest.raises(Refusal, match="at most 2 drawings in one visit"):
        store(shade=2)


def test_the_session_of_a_drawing_tells_visitors_from_the_owner(person: Person) -> None:
    person.comes(VISITOR, shared())
    store()
    person.comes(OWNER, shared())
    store(shade=1)
    visitor, owner = load_drawings().session.tolist()
    assert visitor.startswith("visitor-")
    assert not owner.startswith("visitor-")
    assert "s" not in (visitor, owner)  # no page can name another session


def test_after_the_retention_drawings_of_visitors_are_erased_and_never_the_owners() -> None:
    old, new = "2020-01-31T12:00:00Z", timestamp()
    for session, when in (("visitor-1", old), ("visitor-1", new), ("0123", old), ("", old), ("visitor-1", "never")):
        draw_at(session, when)
    draw_at("visitor-2", old, state="deleted")
    assert erase_expired(30) == 2
    drawings = load_drawings(deleted=True)
    kept = [("visitor-1", new), ("0123", old), ("", old), ("visitor-1", "never")]
    assert list(zip(drawings.session, drawings.time, strict=True)) == kept
    assert drawings_history()[-1].action == "erased: drawings of visitors, older than 30 days"
    assert erase_expired(30) == 0


def draw_at(session: str, when: str, state: str = "kept") -> None:
    """Somebody has drawn at this time."""
    image = np.full((28, 28), 255, np.uint8)
    editing.append_drawing(image, 7, **ABOUT | {"session": session}, time=when, state=state)


@pytest.mark.parametrize(
    ("user", "said", "sentence"),
    [
        (VISITOR, shared(), "until you take it back or the owner deletes it."),
        (VISITOR, shared(retention_days=30), "until you take it back or the owner deletes it, for 30 days at most."),
        (OWNER, shared(retention_days=30), "until you delete it."),
    ],
)
def test_draw_says_in_a_sentence_which_data_are_stored(
    user: dict[str, Any], said: dict[str, Any], sentence: str
) -> None:
    app = open_shared("draw", user, said)
    found = [caption.value for caption in app.caption if "A drawing is stored only" in caption.value]
    assert len(found) == 1
    assert found[0].endswith(sentence)
    assert "Take back" not in " ".join(button.label for button in app.button)


def test_the_owner_is_told_what_waits_and_accepts_it() -> None:
    identity = draw(state="waiting")
    app = open_shared("data", OWNER, shared(review=True))
    assert "1 drawing by visitors waits for you" in words(app)
    next(button for button in app.button if button.label == "Show them").click()
    assert not app.run().exception
    next(button for button in app.button if button.label == "All 1").click()
    assert not app.run().exception
    next(button for button in app.button if button.label == "Accept").click()
    assert not app.run().exception
    assert load_drawings().state.tolist() == ["kept"]
    assert load_drawings().id.tolist() == [identity]
    assert "waits for you" not in words(app)


def test_an_earlier_version_is_not_shown_to_visitors() -> None:
    draw()
    version = load_drawings().version
    assert "Only the owner may look at earlier versions" in words(
        open_shared("data", VISITOR, shared(), version=version)
    )


@pytest.mark.parametrize("part", ["History", "Import and export", "Label errors"])
def test_the_other_parts_of_data_say_what_is_the_owners(part: str) -> None:
    draw()
    assert "Only the owner may" in words(open_shared("data", VISITOR, shared(), part=part, labels="mnist-5k-all"))


def test_train_says_in_a_sentence_what_takes_too_long() -> None:
    app = open_shared("train", VISITOR, shared(training_seconds=0))
    assert "Visitors may start trainings of at most" in words(app)
    assert next(button for button in app.button if button.label == "Start fresh").disabled


def test_without_secrets_a_page_says_nothing_of_owners() -> None:
    assert "owner" not in words(open_page("train"))


@pytest.mark.parametrize(
    ("page", "parameter"),
    [
        *(("train", "run"), ("draw", "model"), ("evaluate", "model"), ("draw", "lesson")),
        *(("explore", "sweep"), ("explore", "range_test"), ("explore", "runs"), ("data", "version")),
    ],
)
@pytest.mark.parametrize("text", ["x" * 300, "\0", "../../etc/passwd", "ä" * 200], ids=["long", "null", "path", "wide"])
def test_an_id_in_the_address_that_cannot_be_one_becomes_a_sentence(page: str, parameter: str, text: str) -> None:
    views = {"sweep": "Sweeps", "range_test": "Learning-rate test"}
    address = {parameter: text} | ({"view": views[parameter]} if parameter in views else {})
    assert not open_page(page, **address).exception
