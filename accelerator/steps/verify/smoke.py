"""Smoke checks: does the app answer as it should, asked the way a visitor asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelerator.errors import UsageProblem
from accelerator.events import say_nothing
from accelerator.foreign import hide_credentials, one_line
from accelerator.steps.follow.user_command import ChildCommand
from accelerator.steps.verify.saw import Answer
from accelerator.steps.verify.switch import Switch
from accelerator.steps.verify.tries import Asked, Tries
from accelerator.steps.verify.visit import Expected, Seen, visit
from accelerator.waiting import StillPending, as_clock, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.events import Tell
    from accelerator.models import Commit
    from accelerator.steps.run import Run
    from accelerator.steps.verify.saw import Checked
    from accelerator.waiting import Deadline

_HEADER = re.compile(r"header ([!#$%&'*+.^_`|~\w-]+): *(\S.*)")  # a token, as RFC 9110 names it

NOT_RUN = frozenset({126, 127})  # the shell: not executable, not found


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One address that must answer.

    ``url`` is a path on the app's `web_url` or a full URL; ``text``, if any, must be in the first
    MiB of the body, or in the response's ``header`` where one is named; ``{commit}`` in it stands
    for the full sha: the proof that this commit serves. ``status`` is the expected HTTP status;
    None takes any of 200 to 399. ``times`` is how often in a row it must be so. With ``command`` a
    shell command is run instead, with APP_URL, COMMIT and RELEASE in its environment; it must
    exit 0.
    """

    url: str
    status: int | None = None
    text: str | None = None
    times: int = 1
    command: str | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """The app that is asked: where it is, and what should serve there.

    For ``switch_seconds`` old code may still answer, for the reason that ``switch`` gives. In
    ``maintenance`` the platform answers in the app's place.
    """

    app: str
    web_url: str | None
    commit: Commit | None
    release: int
    environment: Mapping[str, str] = field(default_factory=dict)
    switch: Switch = Switch.AT_ONCE
    switch_seconds: float = 0.0
    maintenance: bool = False


def parse_check(text: str) -> SmokeCheck:
    """Read a check as written in flags and files.

    A path or URL, then maybe a status, then maybe a text: ``/health``, ``/up 204``, ``/health
    {commit}``, ``https://foo.example/ 200 Welcome home``. ``header NAME: TEXT`` looks for the text
    in a header: ``/ header X-Revision: {commit}``. What follows a dollar sign and a blank is a
    command: ``$ ./smoke.sh``. ``3x`` before it asks for three successes in a row. Anything else is
    refused: a slip in an address must not run a program.
    """
    found = re.fullmatch(r"(?:(?P<times>[1-9]\d?)x\s+)?(?P<rest>\S.*)", text.strip(), re.DOTALL)
    if found is None:
        raise UsageProblem(
            "a smoke check is empty", "write it as /health, https://… or '$ ./smoke.sh'"
        )
    times, rest = int(found["times"] or 1), found["rest"]
    if rest.startswith("$"):
        return SmokeCheck("", times=times, command=_read_command(text, rest[1:]))
    url, _, expected = rest.partition(" ")
    if not url.startswith("/") and not _is_address(url):
        raise _not_understood(text, rest)
    if "{commit}" in url:  # asked for as it stands, it brought sound code down
        raise UsageProblem(
            f"the smoke check {show_check(text)} has {{commit}} in its address, where it "
            "stands for nothing",
            "write it behind the address, as in '/health {commit}', or ask by a command, as in "
            "'$ curl --fail ${APP_URL}health/$COMMIT'",
        )
    parts = re.fullmatch(r"(?:(\d{3})(?: |$))?(.*)", expected.strip())
    status, words = parts.groups() if parts else (None, expected)
    named = _HEADER.fullmatch(words)
    header, words = named.groups() if named else (None, words)
    number = int(status) if status else None
    return SmokeCheck(url, number, words or None, times, header=header)


def _read_command(text: str, after: str) -> str:
    if not after[:1].isspace() or not after.strip():
        raise UsageProblem(
            f"the smoke check {show_check(text)} has no blank and command after its dollar sign",
            "write it as '$ ./smoke.sh'",
        )
    return after.strip()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets around what is no address, or a port that is none
        return False


def _not_understood(text: str, rest: str) -> UsageProblem:
    word = rest.split(maxsplit=1)[0]
    is_slip = word.isprintable() and re.fullmatch(r"[\w.-]+", word)  # shown again in the hint
    path, program = (f"/{word}", f"$ {word}") if is_slip else ("/health", "$ ./smoke.sh")
    return UsageProblem(
        f"the smoke check {show_check(text)} begins with neither a path nor a URL, and is no "
        "command",
        f"write a path as {path}, a URL as https://foo.example/health, a command as '{program}'",
    )


def show_check(text: str) -> str:
    """Return a check fit for a message: addresses in it may hold passwords and tokens."""
    # Masked before it is cut: half a password has no @ behind it.
    return repr(one_line(re.sub(r"\?\S+", "?***", hide_credentials(text)), 200))


def check_smoke(
    run: Run, checks: tuple[SmokeCheck, ...], site: Site, tell: Tell = say_nothing
) -> Seen:
    """Try each check until it is as expected; return the first flaw left at the deadline.

    A text with ``{commit}`` is not asked for when the commit is not known (after a rollback, say).
    No credential is ever sent: these are the app's own addresses. As long as old code may answer,
    nothing has failed, and nothing has passed but what names the commit.
    """
    telling = [check for check in checks if names_commit(check, site.commit)]
    others = [check for check in checks if check not in telling]
    deadline = run.deadline.within(site.switch_seconds + run.waits.smoke)
    checked: list[Checked] = []
    for check in telling:
        seen = _try(run, check, site, deadline, tell)
        checked += seen.checked
        if seen.flaw is not None:
            return replace(seen, checked=tuple(checked))
    if others and site.switch_seconds > 0:
        seen = _wait_for_switch(run, site, tell)
        if seen.flaw is not None:
            return replace(seen, checked=tuple(checked))
        deadline = run.deadline.within(run.waits.smoke)
    for check in others:
        seen = _try(run, check, site, deadline, tell)
        checked += seen.checked
        if seen.flaw is not None:
            return replace(seen, checked=tuple(checked))
    return Seen(None, checked=tuple(checked))


def _wait_for_switch(run: Run, site: Site, tell: Tell) -> Seen:
    """Wait until old code does not answer any more, and say what cannot be known."""
    clock, begun = run.deadline.clock, run.deadline.clock.now()
    why = site.switch.format(app=site.app)
    run.events.note(
        f"{why}: old code may answer for up to {site.switch_seconds:.0f} s more, and checks "
        "without {commit} cannot tell; they are asked after that",
        "warning",
    )

    def is_over() -> bool:
        run.refuse_if_stopping()
        waited = clock.now() - begun
        tell(f"old code may answer, {as_clock(max(0.0, site.switch_seconds - waited))} left")
        return waited >= site.switch_seconds

    try:
        wait_for(is_over, bool, run.deadline)
    except StillPending:
        return Seen(f"{why}, and old code may still answer").cut()
    return Seen(None)


def _try(run: Run, check: SmokeCheck, site: Site, deadline: Deadline, tell: Tell) -> Seen:
    what = check.command or resolve(check, site.web_url, site.app)
    shown, names = check.command or check.url, names_commit(check, site.commit)
    asked = Asked(site.app, what, shown, check.command is not None, names)
    tries = Tries(run, asked, deadline, tell)

    def look() -> Seen:
        run.refuse_if_stopping()
        tries.begin()
        if check.command:
            seen = run_command(run, check.command, site, deadline)
        else:
            wanted = Expected(check.status, expected_text(check, site.commit), check.header)
            seen = visit(what, wanted, deadline)
        return tries.take(seen)

    def is_over(seen: Seen) -> bool:
        # Maintenance is not over soon, and what fails in it says nothing of the app.
        return tries.in_a_row >= check.times or (seen.flaw is not None and site.maintenance)

    try:
        seen, is_cut = wait_for(look, is_over, deadline), False
    except StillPending as pending:
        seen = pending.seen if isinstance(pending.seen, Seen) else Seen("no answer")
        flaw = seen.flaw or f"did not succeed {check.times} times in a row"
        seen, is_cut = replace(seen, flaw=flaw), deadline.cut_short
    told = tries.conclude(seen)
    return told.cut() if is_cut else told


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


def is_path(check: SmokeCheck) -> bool:
    """Return whether a check asks the app's own address."""
    return check.command is None and not re.match(r"https?://", check.url)


def resolve(check: SmokeCheck, web_url: str | None, app: str = "the app") -> str:
    """Make a full URL of a path; raises `UsageProblem` when the app has no address."""
    if not is_path(check):
        return check.url  # of a command there is none
    if web_url is None:
        path = hide_credentials(check.url, hide_query=True)
        raise UsageProblem(
            f"{app} has no web_url for the smoke path {path}",
            "write the check as a full URL, or as a command after a dollar sign",
        )
    # Not urljoin: the path /https://elsewhere would lead there.
    return f"{web_url.rstrip('/')}/{check.url.lstrip('/')}"


def names_commit(check: SmokeCheck, commit: Commit | None) -> bool:
    """Return whether a check passes only where this very commit answers."""
    return commit is not None and "{commit}" in (check.text or "")


def expected_text(check: SmokeCheck, commit: Commit | None) -> str | None:
    """Fill the commit into a check's text."""
    if check.text is None or "{commit}" not in check.text:
        return check.text
    return check.text.replace("{commit}", commit.sha) if commit else None
