"""`git push` of one commit to Heroku: the key travels in the child's environment only."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from threading import Event, Timer
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

from accelerator.errors import (
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RequestInvalid,
    ShallowClone,
    Unreachable,
    UsageProblem,
)
from accelerator.foreign import one_line
from accelerator.lines import last_words, read_lines
from accelerator.models import PushOutcome
from accelerator.repository.commands import end
from accelerator.repository.surroundings import Redactor, make_access, read_remote

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from io import BufferedReader

    from accelerator.errors import AcceleratorError
    from accelerator.models import Secret
    from accelerator.repository.commands import Git

_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HerokuGit:
    """Heroku's git host, and the key that is sent to it and nowhere else."""

    url: str
    key: Secret

    def url_of(self, app: str) -> str:
        """Return the address of an app's repository."""
        return url_of(self.url, app)


def url_of(host: str, app: str) -> str:
    """Return the address of an app's repository on Heroku's git host."""
    if not _APP.fullmatch(app):
        raise UsageProblem(
            f"{one_line(app, 60)!r} cannot be the name of an app",
            "names of apps on Heroku are of letters, digits and dashes",
        )
    return f"{host}/{app}.git"


@dataclass(frozen=True, slots=True)
class Push:
    """One push: `sha` to `branch` of the repository at `url`, which carries no credentials.

    After `timeout_seconds` git is ended. That does not end the build on Heroku's side.
    """

    sha: str
    url: str
    branch: str = "main"
    force: bool = True
    timeout_seconds: float | None = None


def run_push(
    git: Git,
    push: Push,
    key: Secret,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
) -> PushOutcome:
    """Push, and hand the server's lines to `on_line` as they come."""
    git.demand_version()
    redact = Redactor(key)
    access = make_access(read_remote(push.url), key, environment)
    arguments = (
        *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"),
        *("--recurse-submodules=no", *(("--force",) if push.force else ())),
        *("--", access.address, f"{push.sha}:refs/heads/{push.branch}"),
    )
    late = Event()
    with git.running(*arguments, environment=access.environment) as process:
        watch = _watch(process, push.timeout_seconds, late)
        try:
            said = _follow(cast("BufferedReader", process.stderr), redact, on_line)
            report = redact(cast("IO[bytes]", process.stdout).read().decode("utf-8", "replace"))
            status = process.wait()
        finally:
            watch.cancel()
    if late.is_set():
        raise _unfinished(push, f"git did not end within {push.timeout_seconds:g} seconds")
    return _judge(push, status, report, said, key.source)


def _watch(process: subprocess.Popen[bytes], seconds: float | None, late: Event) -> Timer:
    def give_up() -> None:
        late.set()
        end(process)

    watch = Timer(seconds or 0, give_up)
    watch.daemon = True
    if seconds is not None:
        watch.start()
    return watch


_COMPLAINTS = 1000  # lines: the reason for a failure is in the last ones


@dataclass(frozen=True, slots=True)
class _Said:
    """The last lines of a push: git's own, and those of the server."""

    by_git: deque[str] = field(default_factory=lambda: deque(maxlen=_COMPLAINTS))
    by_server: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    @property
    def by_both(self) -> str:
        """Return the end of both in one line, or nothing."""
        ends = filter(None, (last_words(self.by_server), last_words(self.by_git)))
        return "; ".join(ends)


def _follow(
    stream: BufferedReader, redact: Callable[[str], str], on_line: Callable[[str], None]
) -> _Said:
    """Hand on the ``remote:`` lines at once; collect git's own words."""
    said = _Said()
    for text in read_lines(stream):
        # Git pads these lines with blanks when nobody looks at a terminal.
        line = redact(text.rstrip())
        if line.startswith("remote:"):
            told = line.removeprefix("remote:").removeprefix(" ")
            said.by_server.append(told)
            on_line(told)
        elif line:
            said.by_git.append(line)
    return said


_REFUSAL = re.compile(r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((?P<reason>.*)\)$", re.MULTILINE)
_DONE = re.compile(r"^(?P<flag>[ +*=])\t", re.MULTILINE)
_BEHIND = ("non-fast-forward", "fetch first", "stale info", "needs force")


def _judge(push: Push, status: int, report: str, said: _Said, key_source: str) -> PushOutcome:
    if refusal := _REFUSAL.search(report):
        return _judge_refusal(push, refusal["reason"], said)
    if status == 0 and (done := _DONE.search(report)):
        return PushOutcome.UP_TO_DATE if done["flag"] == "=" else PushOutcome.PUSHED
    raise _failure(push, said, key_source)


def _judge_refusal(push: Push, reason: str, said: _Said) -> PushOutcome:
    if "hook declined" in reason:
        return PushOutcome.DECLINED
    if reason in _BEHIND:
        return PushOutcome.NOT_FAST_FORWARD
    if "shallow" in reason:
        raise ShallowClone
    raise RequestInvalid(
        f"{push.url} refused {push.sha} on {push.branch}: {reason}{_quoted(said)}",
        "another push was quicker, perhaps; the branch there is as that push left it",
    )


_STATUS = re.compile(r"The requested URL returned error: (?P<status>\d{3})")
_TRY_SOURCE = (
    "check the key with `heroku auth:whoami`; --strategy source builds without git's credentials"
)
_NO_KEY = ("Authentication failed for", "could not read Username", "could not read Password")


def _quoted(said: _Said) -> str:
    server = last_words(said.by_server)
    return f" ({server})" if server else ""


def _failure(push: Push, said: _Said, key_source: str) -> AcceleratorError:
    """Return what a failed push means: it certainly did nothing, or it may still be going on."""
    host, text = urlsplit(push.url).netloc, "\n".join(said.by_git)
    last = next((line for line in reversed(text.splitlines()) if ": " in line), "no reason given")
    key = f"the API key from {key_source}" if key_source else "the API key"
    if any(words in text for words in _NO_KEY):
        return KeyRefused(f"{host} refuses {key} for git", _TRY_SOURCE)
    if "' not found" in text:
        return NotFound(
            f"there is no repository at {push.url}, or the key may not see it",
            "check the app's name, and that the key's account is a collaborator",
        )
    if "unable to access" in text:
        return _by_status(host, key, _STATUS.search(text), last)
    return _unfinished(push, said.by_both or last)


def _by_status(host: str, key: str, found: re.Match[str] | None, last: str) -> AcceleratorError:
    status = found["status"] if found else ""
    if status == "403":
        return KeyRefused(f"{host} says that {key} may not push there (403)")
    if status == "429":
        return RateLimited(
            f"Heroku's hourly limit of git requests is used up at {host} (429); it ends within the "
            "hour",
            "Heroku takes 75 git requests an hour from each account for each app; --strategy "
            "source has no such limit",
        )
    return Unreachable(f"git cannot reach {host}: {last}", "nothing was pushed; try again")


def _unfinished(push: Push, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the push to {push.url} broke off: {why}",
        "a build that has begun goes on without us: look at the app's builds before pushing again",
    )
