"""The entries, in SQLite."""

import sqlite3
from contextlib import closing

MIGRATIONS = (
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, line TEXT NOT NULL)",
    "ALTER TABLE entry ADD COLUMN written_at TEXT",
)


class Store:
    """Entries in a database file; the schema is the release command's business."""

    def __init__(self, file):
        self.file = file

    def migrate(self):
        """Apply the migrations that are missing; gives how many there were."""
        with closing(self._connect()) as database, database:
            (done,) = database.execute("PRAGMA user_version").fetchone()
            for statement in MIGRATIONS[done:]:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            return len(MIGRATIONS) - done

    def add(self, line):
        """Keep one line."""
        with closing(self._connect()) as database, database:
            database.execute(
                "INSERT INTO entry (line, written_at) VALUES (?, datetime('now'))", (line,)
            )

    def newest(self, count=20):
        """Give the newest lines, the last one first."""
        with closing(self._connect()) as database:
            rows = database.execute("SELECT line FROM entry ORDER BY id DESC LIMIT ?", (count,))
            return [line for (line,) in rows]

    def _connect(self):
        return sqlite3.connect(self.file, timeout=10)
