"""Intruder: forged events of visitors, impostors and other computers against a real server.

Each attack says whom it plays and what must not happen. `--seed` shuffles their order, because an
attack must fail after any other one.
"""

from __future__ import annotations

import argparse
import random
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiments.runs.config import RunConfig
from experiments.runs.run import Run, create_run
from experiments.training.worker import train_run
from reliability.intruder_client import enter, log_in, upload_status
from tests.browser.chromium import serve

MARK = "secret-patients"  # in the name of the owner's private file, which no visitor may read
LIMITS = """
owners = ["owner@example.com", "{issuer}#7"]
review = true
training_seconds = 1
trainings = 2
runs = 8
"""
PATHS = re.compile(r"(/[\w.-]+){2,}/?[\w.-]+\.(py|csv|json|npz|toml)|Traceback")


@dataclass(frozen=True)
class Target:
    """A server under attack, and where its owner keeps runs and a private file."""

    url: str
    folder: Path
    private: str = ""  # id of a run on the private file
    public: str = ""  # id of a run on a public source
    address: str = ""  # of this computer in its network; empty where it has none

    @property
    def runs(self) -> set[str]:
        """The ids of all runs, sweeps and fine-tunings."""
        return {path.parent.name for path in (self.folder / "runs").rglob("*.json") if path.name != "status.json"}

    @property
    def log(self) -> str:
        """The server's log."""
        return (self.folder / "server.log").read_text(errors="replace")


Attack = Callable[[Target], None]
SHARED: dict[str, Attack] = {}  # on an app with a login and an owner, by what is tried
UNSET: dict[str, Attack] = {}  # on an app without secrets that other computers reach


def attack(where: dict[str, Attack]) -> Callable[[Attack], Attack]:
    """Decorator: one attack. Its docstring says what is tried."""

    def register(function: Attack) -> Attack:
        where[(function.__doc__ or "").partition("\n")[0]] = function
        return function

    return register


def expect(is_safe: object, what: str) -> None:
    """The attack has succeeded unless this is true."""
    if not is_safe:
        raise Breach(what)


class Breach(Exception):
    """An attack has succeeded."""


STARTS = (
    ("train", "", "Start fresh"),
    ("train", "run={public}", "Try 5 seeds"),
    ("explore", "view=Sweeps", "Start sweep"),
    ("explore", "view=Learning-rate+test", "Test learning rates"),
    ("explore", "view=Experiments&guide=initialization", "Run the experiment"),
    ("draw", "", "Learn now"),
)


@attack(SHARED)
def press_what_starts_too_much(target: Target) -> None:
    """A visitor presses every button that starts more than the limits allow."""
    before = target.runs
    for page, query, label in STARTS:
        with enter(target.url, page, query.format(public=target.public)) as visitor:
            expect(label in visitor.buttons, f"{page} has no button {label!r}: the attack is outdated")
            visitor.press(label)
        expect(target.runs == before, f"{label} on {page} has started something")


@attack(SHARED)
def press_what_is_the_owners(target: Target) -> None:
    """A visitor presses the buttons of other people's runs."""
    before = (target.folder / "runs" / target.public / "config.json").read_bytes()
    for page, query in (("train", f"run={target.public}"), ("explore", f"runs={target.public}&view=Runs")):
        with enter(target.url, page, query) as visitor:
            for label in [each for each in visitor.buttons if re.search("Resume|Stop|Pause|Delete|Star", each)]:
                visitor.press(label)
    expect((target.folder / "runs" / target.public / "config.json").read_bytes() == before, "a run was changed")


@attack(SHARED)
def look_for_the_private_file(target: Target) -> None:
    """A visitor asks for the owner's private run on every page."""
    private = target.private
    for page, query in (
        *(("draw", f"model={private}"), ("evaluate", f"model={private}"), ("train", f"run={private}")),
        *(("explore", f"runs={private}&view=Runs"), ("explore", f"range_test={private}&view=Learning-rate+test")),
        *(("data", "part=Label+errors"), ("evaluate", f"data={target.folder / MARK}.csv")),
    ):
        with enter(target.url, page, query) as visitor:
            expect(MARK not in visitor.seen, f"{page}?{query} shows the private file")
            expect("private notes" not in visitor.seen, f"{page}?{query} shows the private run")


@attack(SHARED)
def ask_for_impossible_ids(target: Target) -> None:
    """A visitor writes ids of every kind into the address."""
    for page, name in (("train", "run"), ("draw", "model"), ("draw", "lesson"), ("explore", "view=Sweeps&sweep")):
        for text in ("x" * 300, "%00", "../../etc/passwd", "%F0%9F%92%A3" * 80, "a%0Ab", "-" * 5000):
            with enter(target.url, page, f"{name}={text}") as visitor:
                expect(not visitor.exceptions, f"{page}?{name}={text[:20]}: {visitor.exceptions}")
                expect(not PATHS.search(visitor.shown), f"{page}?{name}={text[:20]} shows a path of the server")


@attack(SHARED)
def provoke_an_error(target: Target) -> None:
    """A visitor sends values that no widget can have, and looks for a traceback."""
    with enter(target.url, "train") as visitor:
        visitor.send_wrong_values()
        expect(not visitor.exceptions, f"an exception is shown: {visitor.exceptions}")
        expect(not PATHS.search(visitor.shown), "the page shows a path of the server")
        numbers = re.findall(r"this number: ([0-9A-F]{8})", visitor.shown)
    expect(numbers, "the page does not apologize: the attack is outdated")
    expect(all(f"Error {number}" in target.log for number in numbers), "the number is not in the server's log")


@attack(SHARED)
def pretend_to_be_the_owner(target: Target) -> None:
    """An impostor logs in with the owner's address, which the provider has not verified."""
    with enter(target.url, "data", "part=Import+and+export", cookies=log_in(target.url, "impostor")) as impostor:
        expect("Logged in as" in impostor.shown, "the login failed: the attack is outdated")
        expect("You may do everything here" not in impostor.shown, "the impostor is the owner")
        expect("Only the owner may import" in impostor.shown, "the impostor may import")


@attack(SHARED)
def log_in_without_being_the_owner(target: Target) -> None:
    """A visitor logs in, and the owner too: only the owner may do everything."""
    for who, is_owner in (("visitor", False), ("owner", True)):
        with enter(target.url, "data", "part=Import+and+export", cookies=log_in(target.url, who)) as person:
            expect("Logged in as" in person.shown, "the login failed: the attack is outdated")
            expect(("You may do everything here" in person.shown) == is_owner, f"{who}: wrong rights")


@attack(SHARED)
def use_a_login_from_another_site(target: Target) -> None:
    """Another site opens the websocket with the cookies of the owner, or without a token."""
    cookies = log_in(target.url, "owner")
    with enter(target.url, "data", cookies=cookies, token="") as forged:
        expect("You may do everything here" not in forged.shown, "a cookie without its token makes an owner")
    try:
        with enter(target.url, "data", cookies=cookies, origin="https://evil.example.com") as forged:
            expect(False, "another site may open the websocket")
    except ConnectionError:
        pass


@attack(SHARED)
def upload_without_a_token(target: Target) -> None:
    """A request uploads a file without the token of the page, for no session, or a huge one."""
    for session, size, token, expected in (("x", 1, False, 403), ("x", 1, True, 400), ("", 6 << 20, True, 413)):
        with enter(target.url, "draw") as visitor:
            status = upload_status(target.url, session or visitor.session, size, token=token)
        expect(status == expected, f"an upload of {size} bytes is answered with {status} instead of {expected}")


@attack(SHARED)
def choose_the_session(target: Target) -> None:
    """A visitor brings a session id: one of their own choice, or that of the logged-in owner."""
    with enter(target.url, "draw", session="chosen-by-the-intruder") as visitor:
        expect("chosen" not in visitor.session, "the server takes a session id from the visitor")
    cookies = log_in(target.url, "owner")
    with (
        enter(target.url, "draw", cookies=cookies) as owner,
        enter(target.url, "draw", session=owner.session) as visitor,
    ):
        expect("You may do everything here" in owner.shown, "the login failed: the attack is outdated")
        expect(visitor.session != owner.session, "a visitor is in the session of the owner")
        expect("You may do everything here" not in visitor.shown, "a visitor has the rights of the owner")


@attack(SHARED)
def begin_anew_with_every_reload(target: Target) -> None:
    """A visitor reloads the page to get new limits for trainings."""
    before = target.runs
    for _ in range(5):
        with enter(target.url, "train", f"run={target.public}") as visitor:
            visitor.press("Start fresh")
    expect(len(target.runs - before) <= 2, "more trainings run at once than all visitors may have")


@attack(UNSET)
def come_from_another_computer(target: Target) -> None:
    """Without secrets, a person elsewhere claims with headers to be at the server."""
    if not target.address:
        return
    url = target.url.replace("127.0.0.1", target.address)
    port = url.rpartition(":")[2]
    for headers in (
        {},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
        {"Host": f"127.0.0.1:{port}", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "::1"},
    ):
        with enter(url, "data", "part=Import+and+export", headers=headers) as visitor:
            expect("Only the owner may import" in visitor.shown, f"{headers} make an owner")
            expect("You are a visitor, because" in visitor.shown, "the page does not say what the owner sets")


@attack(UNSET)
def come_through_a_proxy(target: Target) -> None:
    """Without secrets, a person comes through a proxy that runs on the computer of the server."""
    for headers in (
        {"X-Forwarded-For": "203.0.113.5"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Origin": "https://digits.example.com", "Host": "digits.example.com"},
    ):
        with enter(target.url, "data", "part=Import+and+export", headers=headers) as visitor:
            expect("Only the owner may import" in visitor.shown, f"{headers} make an owner")


@attack(UNSET)
def stay_the_owner_at_the_server(target: Target) -> None:
    """Without secrets, the person at the computer of the server stays the owner."""
    port = target.url.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost"):
        with enter(f"http://{name}:{port}", "data", "part=Import+and+export") as owner:
            expect("Only the owner" not in owner.shown, f"at {name} the owner is a visitor")
            expect("You are a visitor" not in owner.shown, f"at {name} the owner is told to be a visitor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seed", type=int, default=0, help="the order of the attacks (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Try all attacks, print a line for each, and return 1 if one succeeded."""
    problems = []
    for name, problem, seconds in try_all(arguments.seed):
        print(f"{'BREACH' if problem else 'refused'}  {seconds:5.1f} s  {name}  {problem}".rstrip(), flush=True)
        problems += [problem] if problem else []
    if problems:
        print(f"{len(problems)} attacks succeeded. Repeat: python -m reliability intruder --seed {arguments.seed}")
    return int(bool(problems))


def try_all(seed: int) -> Iterator[tuple[str, str, float]]:
    """Try all attacks -> what was tried, why it succeeded or "", and the seconds it took."""
    for open_target, attacks in ((shared_app, SHARED), (app_without_secrets, UNSET)):
        names = list(attacks)
        random.Random(seed).shuffle(names)
        with tempfile.TemporaryDirectory() as folder, open_target(Path(folder)) as target:
            for name in names:
                began, problem = time.perf_counter(), ""
                try:
                    attacks[name](target)
                except Breach as breach:
                    problem = str(breach)
                yield name, problem, time.perf_counter() - began


@contextmanager
def shared_app(folder: Path) -> Iterator[Target]:
    """An app with a login, an owner and limits, and with two runs of the owner."""
    from tests.browser.login_provider import provide_login, secrets_toml

    with provide_login() as description:
        secrets = folder / "secrets.toml"
        issuer = description.partition("/.well-known")[0]
        secrets.write_text(secrets_toml(description, LIMITS.format(issuer=issuer)))
        private = make_private_file(folder)
        small = RunConfig(data="mnist-5k", hidden=(8,), epochs=1)
        made = {config.data: make_run(folder, config) for config in (small, small.replace(data=str(private)))}
        with serve(folder, f"--secrets.files={secrets}", "--server.maxUploadSize=5") as url:
            yield Target(url, folder, made[str(private)].id, made["mnist-5k"].id)


@contextmanager
def app_without_secrets(folder: Path) -> Iterator[Target]:
    """An app without secrets that listens on all addresses of this computer."""
    with serve(folder, "--server.address=0.0.0.0", f"--secrets.files={folder / 'none.toml'}") as url:
        yield Target(url, folder, address=own_address())


def make_private_file(folder: Path) -> Path:
    """A file of digits whose name nobody but the owner may read."""
    file = folder / f"{MARK}.csv"
    header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    rows = (",".join([str(row % 10), *(str((row * pixel) % 256) for pixel in range(784))]) for row in range(100))
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def make_run(folder: Path, config: RunConfig) -> Run:
    """A trained run in the runs folder of the server; one on a file has a private note."""
    run = create_run(config, name="trained by the owner", parent=folder / "runs")
    run.set_label(note="private notes" if config.data != "mnist-5k" else "")
    for _ in train_run(run):
        pass
    return run


def own_address() -> str:
    """The address of this computer in its network; empty where it has only loopback addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: a datagram socket only chooses its address
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return "" if address.startswith("127.") else address
