"""A log in a database: PostgreSQL or SQLite, one table, a row for each entry."""

from collections.abc import Iterator
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
from dataset.store import AnyLog

PATIENCE = 60  # seconds to wait for other programs: SQLite lets them in by chance, not in turn
LOCK = 7_164_105_028  # PostgreSQL knows locks by number; any will do that no other program takes


class SqlStore(Generic[AnyLog]):
    """A store by the address of its database, the name of its table, and what log that holds."""

    damaged = 0  # a database has no half rows
    aside = None

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
        self._made = False  # whether the table is known to be there
        self._empty = empty
        self.log = empty()

    @contextmanager
    def reading(self) -> Iterator[AnyLog]:
        """Up to date with the database."""
        with self._thread:
            with self._connected() as connection:
                self._catch_up(connection)
            yield self.log

    @contextmanager
    def writing(self) -> Iterator[AnyLog]:
        """Up to date, and nobody else writes meanwhile. What is written is there for good when this ends."""
        with self._thread, self._connected() as connection:
            postgres = self._engine.dialect.name == "postgresql"
            connection.exec_driver_sql("BEGIN" if postgres else "BEGIN IMMEDIATE")
            try:
                if postgres:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
                if not self._made:
                    self._table.metadata.create_all(connection)
                self._catch_up(connection)
                self._connection = connection
                yield self.log
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                self.log, self._made = self._empty(), False  # what was written is not there
                with suppress(SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            finally:
                self._connection = None

    def write(self, *lines: str) -> None:
        """The next entries."""
        assert self._connection is not None, "write() goes inside writing()"
        entries = [(self.log.add(line), line) for line in lines]
        values = [{"number": entry.number, "version": entry.version, "entry": line} for entry, line in entries]
        self._connection.execute(self._table.insert(), values)

    def lines(self) -> list[str]:
        """All entries as they are written."""
        with self._thread, self._connected() as connection:
            if not self._is_there(connection):
                return []
            return list(connection.scalars(select(self._table.c.entry).order_by(self._table.c.number)))

    def close(self) -> None:
        """Ends the connections to the server."""
        self._engine.dispose()

    def _catch_up(self, connection: Connection) -> None:
        if not self._is_there(connection):
            self.log = self._empty()
            return
        known = self.log.entries[-1].number if self.log.entries else 0
        # the last known one tells whether these are still the same; its entry, which may be long, stays there
        table = self._table.c
        entry = case((table.number > known, table.entry)).label("entry")
        query = select(table.number, table.version, entry).where(table.number >= known).order_by(table.number)
        rows = connection.execute(query).all()
        if known and (not rows or rows[0].version != self.log.version):  # others were put in their place
            self.log = self._empty()
            self._catch_up(connection)
            return
        for row in rows[1 if known else 0 :]:
            try:
                if self.log.add(row.entry).version != row.version:
                    raise ValueError("not an entry: it has another version")
            except ValueError as error:
                self.log = self._empty()
                sentence = f"{self.name}: row {row.number} of the table {self._table.name} is damaged: {error}."
                raise DataError(sentence) from error

    def _is_there(self, connection: Connection) -> bool:
        self._made = self._made or inspect(connection).has_table(self._table.name)
        return self._made

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            self._made = False
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise DataError(f"{self.name} cannot be reached: {reason}. See DIGITS_DATABASE.") from error


@lru_cache(maxsize=8)
def open_database(address: str) -> Engine:
    """Nothing is asked of the database yet. All stores in it share the connections."""
    # hosts hand out postgres://, a name that SQLAlchemy does not know
    address = address.replace("postgres://", "postgresql://", 1)
    kind = address.partition("://")[0].partition("+")[0]
    try:
        if kind == "sqlite":
            if make_url(address).database in (None, "", ":memory:"):
                raise DataError(f"{address} names no file, so nothing would be kept. Write sqlite:///drawings.db.")
            # each use opens the file anew, which takes no time, and no thread holds what another began
            options = {"poolclass": NullPool, "connect_args": {"timeout": PATIENCE}}
        elif kind == "postgresql":
            options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        else:
            raise DataError(f"There is no way to keep drawings in {kind}. Give a database of PostgreSQL or SQLite.")
        # transactions are begun by hand, for SQLite must know from the start that one will write
        return create_engine(address, isolation_level="AUTOCOMMIT", **options)
    except (ArgumentError, ValueError) as error:  # a port that is no number, for one; it may hold a password
        if isinstance(error, DataError):
            raise
        raise DataError(f"The address of the {kind} database is not written as it should be.") from None
    except ImportError as error:
        raise DataError("The driver for PostgreSQL is missing. Install it: pip install 'psycopg[binary]'.") from error
