"""Hooks that look, while tests run, for an API key in a process that has no need of one.

A process beside the run looks through ``/proc`` again and again. The keys that local platforms
make have a form of their own, so those of every platform of the run are known when seen. Judged is
what `accelerator` starts, and what that starts in turn: no key in an argument, none in an
environment. Git alone gets it in its environment, in Base64, to talk to the platform. Linux only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

GIT = frozenset((b"git", b"git-remote-http", b"git-remote-https"))
PAUSE_SECONDS = 0.1
YOUNG_SECONDS = 1.0  # a process this young may yet become another program
NEEDED = "git, which needs it"

_WATCH = pytest.StashKey["Watch"]()
_FOUND = pytest.StashKey[dict[str, int]]()


@dataclass(frozen=True)
class Keys:
    """What keys look like: five letters and 43 more, as Heroku's and the local platform's do."""

    prefix: bytes = b"HRKU-"

    @property
    def plain(self) -> bytes:
        """Return the pattern of a key."""
        return self.prefix + rb"[A-Za-z0-9_-]{43}"

    @property
    def basic(self) -> bytes:
        """Return the pattern of a key as git sends it, without a user name."""
        return re.escape(b64encode(b":" + self.prefix)) + rb"[A-Za-z0-9+/]{50,}={0,2}"

    def are_in(self, text: bytes) -> bool:
        """Return whether there is a key in a text."""
        return re.search(self.plain, text) is not None or re.search(self.basic, text) is not None

    def hide(self, text: bytes) -> str:
        """Return the text without any key."""
        for pattern in (self.plain, self.basic):
            text = re.sub(pattern, b"***", text)
        return text.decode(errors="replace")


@dataclass
class Seen:
    """A process as it was seen last."""

    parent: int
    is_in_run: bool
    is_ours: bool
    is_below: bool
    since: float
    looked: float


@dataclass
class Looker:
    """Looks at what descends from `root`; `found` counts each kind of sighting."""

    root: int
    keys: Keys = Keys()
    found: Counter[str] = field(default_factory=Counter)
    _known: dict[int, Seen] = field(default_factory=dict)

    def look(self) -> None:
        """Look once at what is new, young, or was not looked at for a while."""
        now = time.monotonic()
        present = {int(name) for name in os.listdir("/proc") if name.isdecimal()}  # noqa: PTH208
        self._known = {pid: seen for pid, seen in self._known.items() if pid in present}
        for pid in sorted(present):
            seen = self._known.get(pid)
            is_settled = seen is not None and now - seen.since > YOUNG_SECONDS
            if seen is None or not is_settled or now - seen.looked > YOUNG_SECONDS:
                with contextlib.suppress(OSError, IndexError, ValueError):  # it has just ended
                    self._look_at(pid, now)

    def _look_at(self, pid: int, now: float) -> None:
        folder = Path(f"/proc/{pid}")
        parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        words = (folder / "cmdline").read_bytes().split(b"\0")
        if words == [b""]:  # it is becoming another program, or has ended
            return
        before = self._known.get(pid)
        above = self._known.get(parent)
        is_below = bool(above and (above.is_ours or above.is_below))
        is_in_run = pid == self.root or bool(above and above.is_in_run)
        seen = Seen(
            parent,
            is_in_run or bool(before and before.is_in_run),
            is_ours=is_accelerator(words),
            is_below=is_below or bool(before and before.is_below),
            since=before.since if before else now,
            looked=now,
        )
        self._known[pid] = seen
        if seen.is_in_run and (seen.is_ours or seen.is_below):
            self._judge(folder, words, seen)

    def _judge(self, folder: Path, words: list[bytes], seen: Seen) -> None:
        shown = self.keys.hide(b" ".join(words[:2]))[:200]
        if any(map(self.keys.are_in, words)):
            self.found[f"in an argument: {shown}"] += 1
        if seen.is_ours:
            return
        environment = (folder / "environ").read_bytes().split(b"\0")
        for variable in filter(self.keys.are_in, environment):
            is_git = words[0].rpartition(b"/")[2] in GIT and not re.search(
                self.keys.plain, variable
            )
            name = variable.partition(b"=")[0].decode(errors="replace")
            self.found[NEEDED if is_git else f"in {name} of: {shown}"] += 1


def is_accelerator(words: list[bytes]) -> bool:
    """Return whether a command line is ours: the installed command, or the module."""
    names = [word.rpartition(b"/")[2] for word in words[:6]]
    if not names[0].startswith(b"python"):
        return names[0] == b"accelerator"
    return names[1:2] == [b"accelerator"] or (b"-m", b"accelerator") in pairwise(names)


class Watch:
    """The process that looks, from its making to `end`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="keywatch-")
        self._report = Path(self._folder.name) / "report.json"
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._report)], stdin=subprocess.PIPE
        )

    def end(self) -> dict[str, int]:
        """Look a last time; return what was seen, each kind with how often."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        found: dict[str, int] = json.loads(self._report.read_text())
        self._folder.cleanup()
        return found


def pytest_configure(config: pytest.Config) -> None:
    """Begin to look, before workers and platforms are started."""
    if sys.platform == "linux" and not hasattr(config, "workerinput"):
        config.stash[_WATCH] = Watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Fail a session in which a key was seen where none belongs, whichever test it was."""
    result = yield
    watch = session.config.stash.get(_WATCH, None)
    if watch is not None:
        session.config.stash[_FOUND] = found = watch.end()
        session.testsfailed += any(kind != NEEDED for kind in found)
    return result


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the look of a session that ran no tests."""
    if _WATCH in config.stash and _FOUND not in config.stash:
        config.stash[_WATCH].end()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say where a key was seen, and that none was."""
    write = terminalreporter.write_line
    if _WATCH not in config.stash and not hasattr(config, "workerinput"):
        write("SKIPPED the look for keys in processes: there is no /proc here")
    found = dict(config.stash.get(_FOUND, {}))
    needed = found.pop(NEEDED, 0)
    for kind, count in found.items():
        write(f"KEY ({count} times) {kind}", red=True)
    if needed and not found:
        write(f"looked for keys in processes: none but in the environment of {NEEDED}")


def main(report: Path) -> None:
    """Look until the input ends."""
    looker, ended = Looker(os.getppid()), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(PAUSE_SECONDS):
        looker.look()
    looker.look()
    report.write_text(json.dumps(looker.found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
