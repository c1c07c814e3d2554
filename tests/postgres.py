"""A real PostgreSQL server for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reliability.postgres import HOW_TO_INSTALL, binaries, postgres_server


@contextmanager
def server() -> Iterator[str]:
    """-> the address of an empty database, as SQLAlchemy writes it."""
    if binaries() is None:
        pytest.skip(HOW_TO_INSTALL)
    with postgres_server() as running:
        yield running.address


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a database on a server that lives as long as the tests."""
    with server() as address:
        yield address
