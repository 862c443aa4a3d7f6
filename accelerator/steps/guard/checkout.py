"""The tests see what is shipped: they run on the files checked out, and builds on the commit's.

A forgotten `git add` is enough for tests to pass on what nobody ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import Refused
from accelerator.models import Refusal

if TYPE_CHECKING:
    from accelerator.models import Commit
    from accelerator.steps.run import Run


def demand_checkout(run: Run, commit: Commit, *, allow_dirty: bool) -> None:
    """Raise `Refused` where tests here would not run on the commit's files; or say so only."""
    found = run.clone.repository().find_difference(commit)
    if not found:
        return
    said = f"the tests would not run on {commit.short}: the checkout {found.describe()}"
    if allow_dirty:
        run.events.note(said, "warning")
        return
    way = "commit or ignore them, or `git stash -u`"
    if found.head or found.trouble:
        way = f"`git checkout {commit.sha}` in a clone"
    raise Refused(
        Refusal.DIRTY_CHECKOUT,
        said,
        f"{way}, and run this again; or --allow-dirty, which ships {commit.short} all the same",
    )
