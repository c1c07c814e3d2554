"""Homes: each place where drawings and corrections may live, empty, for the tests that hold in all
of them.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.made_drawings import forget

PLACES = ["csv", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(params=PLACES)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The path of a CSV file or the address of a database."""
    place = str(tmp_path / "drawings.csv")
    if request.param == "sqlite":
        place = f"sqlite:///{tmp_path / 'drawings.db'}"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres")
        with psycopg.connect(place.replace("+psycopg", "")) as connection:
            connection.execute("DROP TABLE IF EXISTS drawing_log, label_corrections")
    if request.param != "csv":
        monkeypatch.setenv("DIGITS_DATABASE", place)
    yield place
    forget()
