"""Run a smoke check that is a command of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.steps.follow.user_command import ChildCommand
from accelerator.steps.verify.saw import Answer
from accelerator.steps.verify.visit import Seen

if TYPE_CHECKING:
    from accelerator.steps.run import Run
    from accelerator.steps.verify.smoke import Site
    from accelerator.waiting import Deadline

NOT_RUN = frozenset({126, 127})  # the shell: not executable, not found


def run_command(run: Run, command: str, site: Site, deadline: Deadline) -> Seen:
    """Run a smoke command once; its output is a log like any other."""
    known = {
        "APP_URL": site.web_url or "",
        "COMMIT": site.commit.sha if site.commit else "",
        "RELEASE": f"v{site.release}",
    }
    child = ChildCommand(
        command, None, {**site.environment, **known}, run.events, f"smoke {site.app}"
    )
    run.children.add(child)
    try:
        run.refuse_if_stopping()  # asked to stop since the look began: nobody else ends this one
        status = child.wait(deadline.remaining)
        run.refuse_if_stopping()  # then it was ended by us, and its status is no verdict
    except BaseException:
        child.stop()
        raise
    finally:
        run.children.discard(child)
    if status is None:
        child.stop()
    answer = Answer(exit_status=status, lines=tuple(child.last), were_shown=True)
    if status is None:
        return Seen("did not end in time", answer=answer)
    if status in NOT_RUN:
        said = f"could not be run (exit status {status})"
        return Seen(said, conclusive=False, answer=answer)
    return Seen(f"exited {status}" if status else None, answer=answer)
