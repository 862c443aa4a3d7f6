"""Objects of a clone, many in one git process, and none that the clone does not have.

A clone without some of its objects (a partial one) asks its origin for each that is wanted. To
compare, that is never worth it: what is not here is unknown.
"""

from __future__ import annotations

from threading import Timer
from typing import IO, TYPE_CHECKING, cast

from accelerator.repository.commands import end

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

    from accelerator.repository.commands import Git

MOST_BYTES = 32 << 20  # of one object: a folder with 500 000 entries
MOST_STARTS = 8
SECONDS = 30.0


class Objects:
    """Reads objects by name; a context manager, within which git runs.

    Older versions of git end where an object is to be fetched and cannot be. Then git is started
    anew, a few times; after that nothing more is known. So it is after `seconds`.
    """

    def __init__(self, git: Git, seconds: float = SECONDS) -> None:
        self._git = git.offline()
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._timer = Timer(seconds, self._give_up)
        self._timer.daemon = True

    def __enter__(self) -> Objects:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._close()

    def read(self, name: str) -> tuple[str, str, bytes] | None:
        """Return the id, the type and the content of an object; None where it is not here."""
        if self._is_over or "\n" in name:
            return None
        if self._process is None:
            if self._starts == MOST_STARTS:
                return None
            self._starts += 1
            self._process = self._git.start("cat-file", "--batch")
        try:
            return self._ask(self._process, name)
        except (OSError, ValueError):  # git has ended
            self._close()
            return None

    def _ask(self, process: subprocess.Popen[bytes], name: str) -> tuple[str, str, bytes] | None:
        source, to = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stdin)
        to.write(name.encode("utf-8", "surrogateescape") + b"\n")
        to.flush()
        head = source.readline()
        if not head.endswith(b"\n"):
            raise ValueError("git ended instead of answering")
        told = head.decode("utf-8", "replace").split()
        if len(told) != 3 or not told[2].isdecimal():
            return None  # "missing", or "ambiguous"
        object_id, kind, size = told[0], told[1], int(told[2])
        if size > MOST_BYTES:
            raise ValueError("an object too long to be held")
        content = source.read(size)
        if len(content) != size or source.read(1) != b"\n":
            raise ValueError("git ended in the middle of an object")
        return object_id, kind, content

    def _give_up(self) -> None:
        self._is_over = True
        process = self._process
        if process is not None:
            end(process)

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        end(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        process.wait()


def _close_quietly(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:  # what was written last never got there
        return
