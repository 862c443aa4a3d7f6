"""The release command: bring the database up to date before the new code serves."""

import os

from guestbook.store import Store

if __name__ == "__main__":
    count = Store(os.environ["DATABASE_FILE"]).migrate()
    print(f"{count} migration(s) applied")
