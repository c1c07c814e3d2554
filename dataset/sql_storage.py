"""SQL storage: a log in PostgreSQL or SQLite, as one table with one row for each entry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import RLock
from typing import Generic

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    case,
    create_engine,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dataset.digits import DataError
from dataset.storage import EXAMPLES, AnyLog

SQLITE_TIMEOUT = 60  # seconds to wait; SQLite admits waiting programs in random order
ADVISORY_LOCK = 7_164_105_028  # PostgreSQL identifies locks by number


class SqlStorage(Generic[AnyLog]):
    """The storage of one log in one table. `empty` makes the log before its first entry."""

    damaged = 0  # a database has no incomplete rows
    damaged_file = None

    def __init__(self, address: str, table: str, empty: type[AnyLog]) -> None:
        self._engine = open_database(address)
        self.name = self._engine.url.render_as_string(hide_password=True)
        self._thread = RLock()
        self._connection: Connection | None = None
        self._table = Table(
            table,
            MetaData(),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("version", Text, nullable=False),
            Column("entry", Text, nullable=False),
        )
        self._table_exists = False  # False also means: not checked yet
        self._empty = empty
        self.log = empty()

    @contextmanager
    def reading(self) -> Iterator[AnyLog]:
        """The log, up to date with the database."""
        with self._thread:
            with self._connected() as connection:
                self._read_new_entries(connection)
            yield self.log

    @contextmanager
    def writing(self) -> Iterator[AnyLog]:
        """The log, up to date. No other program writes inside the block.

        The block ends with a commit or a rollback.
        """
        with self._thread, self._connected() as connection:
            postgres = self._engine.dialect.name == "postgresql"
            connection.exec_driver_sql("BEGIN" if postgres else "BEGIN IMMEDIATE")
            try:
                if postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
                if not self._table_exists:
                    self._table.metadata.create_all(connection)
                self._read_new_entries(connection)
                self._connection = connection
                yield self.log
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                self.log, self._table_exists = self._empty(), False  # the entries were not written
                with suppress(SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            finally:
                self._connection = None

    def write(self, *lines: str) -> None:
        """Append entries, inside a `writing` block."""
        assert self._connection is not None, "call write() inside a writing() block"
        entries = [(self.log.append(line), line) for line in lines]
        values = [{"number": entry.number, "version": entry.version, "entry": line} for entry, line in entries]
        self._connection.execute(self._table.insert(), values)

    def rewrite(self, change: Callable[[str], str]) -> None:
        """Replace each entry by what `change` makes of it, inside a `writing` block."""
        assert self._connection is not None, "call rewrite() inside a writing() block"
        number, entry = self._table.c.number, self._table.c.entry
        for row in self._connection.execute(select(number, entry)).all():
            if (line := change(row.entry)) != row.entry:
                self._connection.execute(self._table.update().where(number == row.number).values(entry=line))
        self.log = self._empty()  # the next reading reads all entries anew

    def lines(self) -> list[str]:
        """All entries as they are written."""
        with self._thread, self._connected() as connection:
            if not self._has_table(connection):
                return []
            return list(connection.scalars(select(self._table.c.entry).order_by(self._table.c.number)))

    def close(self) -> None:
        """Close the connections to the server."""
        self._engine.dispose()

    def _read_new_entries(self, connection: Connection) -> None:
        if not self._has_table(connection):
            self.log = self._empty()
            return
        known = self.log.entries[-1].number if self.log.entries else 0
        # The last known row is read too, without its long entry: its version shows whether the
        # rows are still the same.
        table = self._table.c
        entry = case((table.number > known, table.entry)).label("entry")
        query = select(table.number, table.version, entry).where(table.number >= known).order_by(table.number)
        rows = connection.execute(query).all()
        if known and (not rows or rows[0].version != self.log.version):  # the rows were replaced
            self.log = self._empty()
            self._read_new_entries(connection)
            return
        for row in rows[1 if known else 0 :]:
            try:
                if self.log.append(row.entry).version != row.version:
                    raise ValueError("its version does not fit its entry")
            except ValueError as error:
                self.log = self._empty()
                sentence = f"{self.name}: row {row.number} of the table {self._table.name} is damaged: {error}."
                raise DataError(sentence) from error

    def _has_table(self, connection: Connection) -> bool:
        self._table_exists = self._table_exists or inspect(connection).has_table(self._table.name)
        return self._table_exists

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            self._table_exists = False
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise DataError(f"{self.name} cannot be reached: {reason}. See DIGITS_DATABASE.") from error


@lru_cache(maxsize=8)
def open_database(address: str) -> Engine:
    """The engine that all storages in this database share. It does not connect yet.

    Raises DataError for an address that names no database of PostgreSQL or SQLite.
    """
    # Hosting services write postgres://, which SQLAlchemy does not accept.
    address = address.replace("postgres://", "postgresql://", 1)
    kind = address.partition("://")[0].partition("+")[0]
    try:
        if kind == "sqlite":
            if make_url(address).database in (None, "", ":memory:"):
                raise DataError(f"{address} names no file, so nothing would be stored. Write sqlite:///drawings.db.")
            # Every use opens the file again: this is fast, and threads share no transaction.
            options = {"poolclass": NullPool, "connect_args": {"timeout": SQLITE_TIMEOUT}}
        elif kind == "postgresql":
            options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        else:
            raise DataError(f"Drawings cannot be stored in {kind}. Give a database of PostgreSQL or SQLite.")
        # Transactions begin explicitly, because SQLite must know at once that one will write.
        return create_engine(address, isolation_level="AUTOCOMMIT", **options)
    except (ArgumentError, ValueError) as error:  # do not show it: the address may hold a password
        if isinstance(error, DataError):
            raise
        raise DataError(f"The address of the {kind} database is malformed. Write it like {EXAMPLES}.") from None
    except ImportError as error:
        raise DataError("The driver for PostgreSQL is missing. Install it: pip install 'psycopg[binary]'.") from error
