"""Counts: how many disturbed digits a model reads correctly, kept under the weights and digits they are of."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Self

import streamlit as st

from dataset import Digits
from experiments.disturbances import DISTURBANCES
from experiments.robustness import count_correct
from model import Classifier

KEPT = 10_000  # counts, each a number


@dataclass(frozen=True, eq=False)
class Subject:
    """A model before a fixed sample of digits, whose images it gets as they are or prepared like drawings."""

    name: str
    classifier: Classifier
    digits: Digits
    prepare: bool = False

    @property
    def key(self) -> tuple[Hashable, ...]:
        # the config belongs to it: the same weights answer otherwise behind another activation
        return self.classifier.fingerprint, self.classifier.config, self.digits.fingerprint, self.prepare

    def counted(self, name: str, strength: float) -> int | None:
        """How many digits it reads correctly when they are disturbed so; None where that was not asked yet."""
        return _kept().get((*self.key, *_point(name, strength)))

    def count(self, name: str, strength: float) -> int:
        right = self.counted(name, strength)
        if right is None:
            right = count_correct(self.classifier, self.digits, name, strength, prepare=self.prepare)
            _kept()[*self.key, *_point(name, strength)] = right
            for oldest in list(_kept())[:-KEPT]:
                _kept().pop(oldest, None)
        return right


def missing(subjects: Sequence[Subject]) -> list[tuple[Subject, str, float]]:
    """What is not counted yet. The subjects take turns: then a point takes as long as any other."""
    return [
        (subject, name, strength)
        for name, disturbance in DISTURBANCES.items()
        for strength in disturbance.strengths
        for subject in subjects
        if subject.counted(name, strength) is None
    ]


def count_missing(subjects: Sequence[Subject], *, seconds: float) -> None:
    """Counts for about so many seconds, one point at least where one is missing."""
    began = perf_counter()
    for subject, name, strength in missing(subjects):
        subject.count(name, strength)
        if perf_counter() > began + seconds:
            break


@dataclass(frozen=True)
class Request:
    """All points of these subjects were asked for, when so many were missing; the time as perf_counter has it."""

    subjects: tuple[Hashable, ...]
    points: int
    began: float

    @classmethod
    def now(cls, subjects: Sequence[Subject]) -> Self:
        return cls(keys(subjects), len(missing(subjects)), perf_counter())

    def progress(self, left: int) -> tuple[int, float]:
        """Points counted so far, and seconds until the rest will be; infinitely many before the first."""
        done = self.points - left
        return done, (perf_counter() - self.began) / done * left if done else inf


def keys(subjects: Sequence[Subject]) -> tuple[Hashable, ...]:
    return tuple(subject.key for subject in subjects)


def _point(name: str, strength: float) -> tuple[Hashable, ...]:
    """Where nothing is disturbed, it matters not by what."""
    return (name, strength) if strength != DISTURBANCES[name].none else ()


@st.cache_resource(show_spinner=False)
def _kept() -> dict[tuple[Hashable, ...], int]:
    return {}
