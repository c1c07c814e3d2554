"""Turns: runs of the Draw page follow one after the other, and none waits for ever."""

import threading
import time
import tomllib
from pathlib import Path

import pytest

from dashboard.access import turns
from dashboard.access.turns import Turns
from tests.small_runs import until


def test_threads_get_the_turn_one_at_a_time_in_the_order_in_which_they_ask():
    lock, order, inside = Turns(), [], []

    def work(number):
        with lock.take():
            inside.append(number)
            assert len(inside) == 1
            time.sleep(0.01)
            order.append(number)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    with lock.take():
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            until(lambda waiting=waiting: len(lock._waiting) == waiting, "a thread that waits")
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_an_error_gives_the_turn_back_and_a_thread_may_take_it_twice():
    lock = Turns()
    with pytest.raises(KeyError), lock.take(), lock.take():
        raise KeyError
    with lock.take():
        pass
    assert not lock._is_taken


def test_nobody_waits_longer_than_the_limit(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST", 0.05)
    lock, done = Turns(), threading.Event()

    def work():
        with lock.take(), lock.take():
            done.set()

    with lock.take():
        thread = threading.Thread(target=work)
        thread.start()
        assert done.wait(10)
        thread.join()
    assert not lock._waiting
    assert not lock._is_taken


def test_the_server_does_not_look_at_all_modules_for_each_visitor():
    config = tomllib.loads((Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text())
    assert config["server"]["fileWatcherType"] == "none"
