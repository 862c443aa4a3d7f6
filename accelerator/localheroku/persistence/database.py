"""The state in a file, so that it outlives the platform however that ends.

Changes are collected and written in one transaction: before an answer to a client begins, and
else as soon as the event loop has finished what it is doing.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING, Any, Protocol

from accelerator.localheroku.persistence.problems import DataUnusable, NotKept
from accelerator.localheroku.persistence.records import Unreadable, dump, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from accelerator.localheroku.state.store import Kept, State

_APPLICATION = 0x61636C68  # "aclh", so that we know our own files
_FORMAT = 1
# Dynos are started anew with the platform.
_TRANSIENT = frozenset({"dyno"})
_SETTING = "setting"
_PUT = (
    "insert into object (kind, id, body) values (?, ?, ?)"
    " on conflict (kind, id) do update set body = excluded.body"
)
_DROP = "delete from object where kind = ? and id = ?"


class Keeping(Protocol):
    """Where the state is kept."""

    def note(self, kind: str, thing: Kept, is_dropped: bool) -> None:
        """Take notice of a changed object."""

    def load(self, state: State) -> None:
        """Fill the state with what was kept."""

    def recall(self, name: str) -> Any:
        """Return a setting of the platform itself, nothing if it was never set."""

    def remember(self, name: str, value: Any) -> None:
        """Keep a setting of the platform itself."""

    def commit(self) -> None:
        """Make all changes so far last."""

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do something once the changes so far are kept: files go after the rows naming them."""

    def close(self) -> None:
        """Commit and let go."""


class Memory:
    """Keep nothing: the state lives as long as the platform."""

    def note(self, kind: str, thing: Kept, is_dropped: bool) -> None:
        """Take no notice."""

    def load(self, state: State) -> None:
        """Leave the state as it is."""

    def recall(self, name: str) -> Any:
        """Know nothing."""
        del name

    def remember(self, name: str, value: Any) -> None:
        """Forget at once."""

    def commit(self) -> None:
        """Do nothing."""

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do it now."""
        act()

    def close(self) -> None:
        """Do nothing."""


class Database:
    """The state in an SQLite file; used on the event loop only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: dict[tuple[str, str], Kept | None] = {}
        self._afterwards: list[Callable[[], object]] = []
        self._is_scheduled = False
        self._connection = _connect(path)

    def note(self, kind: str, thing: Kept, is_dropped: bool) -> None:
        """Take notice of a changed object; it is written as it is when the commit comes."""
        if kind in _TRANSIENT:
            return
        self._pending[(kind, thing.id)] = None if is_dropped else thing
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._commit_soon)

    def load(self, state: State) -> None:
        """Fill the state, each table in the order in which its objects came."""
        query = "select kind, body from object where kind <> ? order by rowid"
        begun, self._pending = self._pending, {}
        try:
            rows = self._connection.execute(query, (_SETTING,)).fetchall()
            if rows:
                state.fill((kind, restore(body)) for kind, body in rows)
        except (sqlite3.Error, Unreadable, KeyError) as problem:
            raise DataUnusable(f"{self._path} cannot be read: {problem}") from None
        finally:
            self._pending.clear()
        # What a state begins with is new only where there was none.
        self._pending = {} if rows else begun

    def recall(self, name: str) -> Any:
        """Return a setting of the platform itself, nothing if it was never set."""
        query = "select body from object where kind = ? and id = ?"
        row = self._connection.execute(query, (_SETTING, name)).fetchone()
        return json.loads(row[0]) if row else None

    def remember(self, name: str, value: Any) -> None:
        """Keep a setting of the platform itself, at once."""
        self._write([(_SETTING, name, json.dumps(value))], [])

    def commit(self) -> None:
        """Write all changes since the last commit; raise `NotKept` and try again next time."""
        if not self._pending:
            return
        puts = [(*key, dump(thing)) for key, thing in self._pending.items() if thing is not None]
        self._write(puts, [key for key, thing in self._pending.items() if thing is None])
        self._pending.clear()
        self._act()

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do something once the changes so far are kept."""
        self._afterwards.append(act)
        if not self._pending:
            self._act()

    def close(self) -> None:
        """Commit and close the file."""
        try:
            self.commit()
        finally:
            self._connection.close()

    def _act(self) -> None:
        acts, self._afterwards = self._afterwards, []
        for act in acts:
            act()

    def _commit_soon(self) -> None:
        self._is_scheduled = False
        self.commit()

    def _write(self, puts: Iterable[tuple[str, str, str]], drops: list[tuple[str, str]]) -> None:
        try:
            with self._connection:
                self._connection.execute("begin immediate")
                self._connection.executemany(_PUT, puts)
                self._connection.executemany(_DROP, drops)
        except sqlite3.Error as problem:
            raise NotKept(str(problem)) from None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # SQLite gives the files beside it the same rights.
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None)
    except OSError as problem:
        raise DataUnusable(f"{path} cannot be opened: {problem.strerror}") from None
    except sqlite3.Error as problem:
        raise DataUnusable(f"{path} cannot be opened: {problem}") from None
    try:
        _check(connection, path)
        connection.execute("pragma journal_mode = wal")
        # A killed process loses nothing this way; only a power cut can cost the last commits.
        connection.execute("pragma synchronous = normal")
        _create(connection)
    except BaseException as problem:
        connection.close()
        if isinstance(problem, sqlite3.Error):
            raise DataUnusable(f"{path} cannot be read: {problem}") from None
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("pragma application_id").fetchone()[0]
    version = connection.execute("pragma user_version").fetchone()[0]
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    if tables and application != _APPLICATION:
        raise DataUnusable(f"{path} was not written by this platform")
    if version > _FORMAT:
        raise DataUnusable(f"{path} was written by a newer version of this platform")


def _create(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("begin immediate")
        connection.execute(
            "create table if not exists object"
            " (kind text not null, id text not null, body text not null, unique (kind, id))"
        )
        connection.execute(f"pragma application_id = {_APPLICATION}")
        connection.execute(f"pragma user_version = {_FORMAT}")
