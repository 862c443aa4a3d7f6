"""Every failure the tool knows: one exit code, one message and one hint each.

The classes take facts and write their own message. Only ``__main__`` turns them into an exit code.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_APPS: Mapping[str, tuple[str, str]] = MappingProxyType({})


class ExitCode(IntEnum):
    """The exit codes, stable for other people's pipelines (documented in docs/reference).

    ``meaning`` is a code's text in the help of the commands.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:  # noqa: D102  # what a line below holds
        made = int.__new__(cls, code)
        made._value_, made.meaning = code, meaning
        return made

    DONE = 0, "done"
    BUG = 1, "bug"
    USAGE = 2, "usage"
    REFUSED = 3, "refused"
    BUILD_FAILED = 4, "build failed"
    RELEASE_FAILED = 5, "not released (the old one serves)"
    ROLLED_BACK = 6, "rolled back"
    NOT_ROLLED_BACK = 7, "not rolled back"
    PARTLY_DONE = 8, "some targets done"
    UNKNOWN = 9, "unknown"
    KEY_REFUSED = 10, "key refused"
    UNREACHABLE = 11, "unreachable"
    NOT_FOUND = 12, "not found"
    TESTS_FAILED = 13, "tests failed"
    INCONCLUSIVE = 14, "verification inconclusive"
    INTERRUPTED = 130, "interrupted"
    TERMINATED = 143, "terminated"


class AcceleratorError(Exception):
    """An expected failure: shown as one message and one hint, never as a traceback.

    ``code`` is the word in the JSON's ``error.code``; it is stable like the exit codes. ``details``
    are for whoever asks for more: requests and their ids.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    code: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the message as people are shown it: what happened, then more lines if it has."""
        return (self.message,)


class UsageProblem(AcceleratorError):
    """The command line, the environment or the configuration file cannot be acted on."""

    exit_code = ExitCode.USAGE
    code = "usage"


class DiskFull(UsageProblem):
    """No more files can be kept here: no space, a quota, a limit, or a disk that is read-only."""

    code = "disk"
    # The last one: `tempfile` found no folder that takes a file, and says no more than that.
    NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENOENT})

    def __init__(self, trouble: OSError) -> None:
        number = trouble.errno if trouble.errno != errno.ENOENT else errno.ENOSPC
        super().__init__(
            f"a file cannot be written on this machine: {os.strerror(number or errno.ENOSPC)}",
            "make room in the folder for temporary files (TMPDIR), and run this again: it looks "
            "first at what was done",
        )

    @classmethod
    def knows(cls, trouble: OSError) -> bool:
        """Return whether an error is about where files are kept, and not about one file."""
        is_about_a_file = trouble.errno == errno.ENOENT and trouble.filename is not None
        return trouble.errno in cls.NUMBERS and not is_about_a_file


class ConfigurationInvalid(UsageProblem):
    """One or more settings are wrong; all problems are reported together."""

    code = "configuration"

    def __init__(self, problems: tuple[str, ...]) -> None:
        places = "one place" if len(problems) == 1 else f"{len(problems)} places"
        self.headline = f"the configuration is wrong in {places}"
        super().__init__(
            f"{self.headline}: {'; '.join(problems)}",
            "`accelerator config` shows every setting with its source, and marks what is wrong",
        )
        self.problems = problems

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what people are shown: several problems have a line each."""
        return (self.headline, *self.problems) if len(self.problems) > 1 else (self.message,)


class ConfigurationShown(ConfigurationInvalid):
    """The same where all problems were just shown with the settings they are about."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.hint = "correct what is marked, and run this again"

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the headline alone."""
        return (self.headline,)


class KeyMissing(UsageProblem):
    """No API key was found in any of the places it is looked for."""

    code = "no_key"

    def __init__(self, variable: str, host: str) -> None:
        super().__init__(
            f"no Heroku API key: {variable} is not set, and neither the netrc file nor "
            f"git's credential helper has one for {host}",
            f"set {variable} (in CI), or run `heroku login` (on a laptop)",
        )


class HostNotRecognised(UsageProblem):
    """The configured host is neither Heroku's nor this machine: the key is not sent there."""

    code = "host"

    def __init__(self, variable: str, host: str) -> None:
        super().__init__(
            f"{variable}={host} is neither a Heroku domain nor this machine; "
            "the API key is not sent there",
            f"unset {variable}, or use a loopback address such as http://127.0.0.1:5001",
        )


class RepositoryProblem(UsageProblem):
    """The working directory is not a repository that can be deployed from."""

    code = "repository"


class ShallowClone(RepositoryProblem):
    """A git push from a shallow clone would be rejected by Heroku."""

    code = "shallow_clone"

    def __init__(self) -> None:
        super().__init__(
            "this is a shallow clone, and Heroku rejects pushes from shallow clones",
            "use --strategy source (needs no history), or run `git fetch --unshallow` first "
            "(GIT_DEPTH: 0 on GitLab, fetch-depth: 0 for GitHub's checkout action)",
        )


class Refused(AcceleratorError):
    """A guard refused. ``reason`` is one of the refusal reasons of the reference.

    ``apps`` has the reason and the message of each target that it refused, where it is about some.
    """

    exit_code = ExitCode.REFUSED
    code = "refused"

    def __init__(
        self,
        reason: str,
        message: str,
        hint: str | None = None,
        apps: Mapping[str, tuple[str, str]] = NO_APPS,
    ) -> None:
        super().__init__(message, hint)
        self.reason, self.apps = reason, apps


class Superseded(Refused):
    """Every target that waits for the commit has left it behind: a late job has nothing to do."""


class LockUnavailable(AcceleratorError):
    """The lock's git remote cannot be used now: what stands there cannot be told."""

    exit_code = ExitCode.REFUSED
    code = "lock_unavailable"

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(
            f"the lock's git remote cannot be used: {why}",
            hint or "run it again when the remote answers; --lock-remote names another repository",
        )


class NoLockRefs(LockUnavailable):
    """The lock's git remote takes no such refs, by a rule of its own: nobody has a lock there."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"it takes no refs for locks ({why})",
            "--lock-remote names another repository; `deploy --lock auto` goes on without a lock",
        )


class BuildFailed(AcceleratorError):
    """Heroku ran the build and the build did not succeed.

    ``log_flaw`` says how its log could not be read, where it could not; ``said`` are the last words
    of a push that was declined.
    """

    exit_code = ExitCode.BUILD_FAILED
    code = "build_failed"

    def __init__(
        self, app: str, build_id: str, log_flaw: str | None = None, said: str | None = None
    ) -> None:
        message, hint = f"the build on {app} failed", "the build log is above"
        if said is not None:
            message = f"{message}: {said}"
        if log_flaw is not None:
            message = f"{message}, and the build log {log_flaw}"
            hint = f"Heroku's dashboard has the log, under Activity of {app}"
        super().__init__(message, f"{hint}; nothing was released on {app}")
        self.details = f"build {build_id}"


class NothingToRun(AcceleratorError):
    """A build succeeded and left no process type: there is nothing in it to be shipped."""

    exit_code = ExitCode.BUILD_FAILED
    code = "nothing_to_run"

    def __init__(self, app: str, build_id: str) -> None:
        super().__init__(
            f"the build on {app} has nothing to run: no Procfile names a process type, and "
            "the buildpack has none of its own",
            "add a Procfile with a line for each process type, such as `web: ./serve`; ship that "
            "commit",
        )
        self.details = f"build {build_id}"


class SourceDiffers(AcceleratorError):
    """A build that was just started names another source than the one that was sent."""

    exit_code = ExitCode.BUILD_FAILED
    code = "source_differs"

    def __init__(self, app: str, build_id: str, sent: str, named: str) -> None:
        super().__init__(
            f"build {build_id} on {app} was sent a source with {sent}, but names {named}",
            "something between here and Heroku changes requests: look at HTTPS_PROXY; "
            f"do not use what this build leaves on {app}",
        )


class PromotionFailed(AcceleratorError):
    """Heroku refused or failed a promotion; the old release still serves."""

    exit_code = ExitCode.RELEASE_FAILED
    code = "promotion_failed"

    def __init__(self, app: str, reason: str) -> None:
        super().__init__(
            f"the promotion to {app} failed: {reason}",
            f"the release that ran before still serves on {app}",
        )


class ReleaseFailed(AcceleratorError):
    """The release command failed; Heroku keeps the old release running."""

    exit_code = ExitCode.RELEASE_FAILED
    code = "release_failed"

    def __init__(self, app: str, version: int) -> None:
        super().__init__(
            f"the release command of v{version} on {app} failed",
            f"the release that ran before still serves on {app}; "
            f"`heroku releases:output v{version} -a {app}` shows the command's output",
        )


class WrongArtifact(AcceleratorError):
    """A write ended with another release or artifact than the one that was compared.

    Neither the old release serves nor ours, and going back would undo what somebody else did.
    """

    exit_code = ExitCode.NOT_ROLLED_BACK
    code = "wrong_artifact"

    def __init__(self, app: str, expected: str, found: str | None) -> None:
        super().__init__(
            f"{app} was to get {expected} but holds {found or 'nothing'}",
            "somebody else released at the same moment; look at "
            f"`heroku releases -a {app}` before deploying again",
        )


class VerificationFailed(AcceleratorError):
    """The release is live but does not do what was asked of it."""

    code = "verification_failed"

    def __init__(
        self,
        app: str,
        reason: str,
        rolled_back_to: int | None,
        note: str = "",
        *,
        is_unproven: bool = False,
        has_way_back: bool = True,
    ) -> None:
        """Take what became of the way back; ``is_unproven``: the old code is live, by the note.

        Without ``has_way_back`` no code is there that anybody could go back to.
        """
        done = f"v{rolled_back_to} serves again" if rolled_back_to else f"not rolled back{note}"
        if is_unproven:
            done = note.lstrip(": ")
        super().__init__(f"{app} failed verification: {reason}; {done}", None)
        self.rolled_back_to = rolled_back_to
        self.exit_code = (  # type: ignore[misc]  # the one class whose code depends on the end
            ExitCode.ROLLED_BACK if rolled_back_to else ExitCode.NOT_ROLLED_BACK
        )
        if is_unproven:
            self.hint = f"the code of the release before is live: look at {app}, and at its checks"
        elif rolled_back_to is None and not has_way_back:
            self.hint = (
                f"`heroku logs -a {app}` shows what it says; there is no older code to go back to, "
                "so ship a commit that serves"
            )
        elif rolled_back_to is None:
            self.hint = (
                f"`heroku releases -a {app}` shows what is live; "
                f"`heroku rollback -a {app}` goes back by hand"
            )
        else:
            self.hint = (
                "the code of the release before is verified and live; its config is untouched"
            )


class PartlyDone(AcceleratorError):
    """Some targets have the commit, others do not."""

    exit_code = ExitCode.PARTLY_DONE
    code = "partly_done"

    def __init__(self, done: tuple[str, ...], missing: tuple[str, ...], first: str) -> None:
        super().__init__(
            f"done: {', '.join(done)}; not done: {', '.join(missing)} ({first})",
            "run the same command again: finished targets are recognised and left alone",
        )


class NotReturned(PartlyDone):
    """A finished target was to go back, as others failed, and its way back failed."""

    def __init__(self, app: str, why: str, *, is_unproven: bool = False) -> None:
        said = f"{app} was not returned to the release it had{why}"
        if is_unproven:
            said = f"{app} was returned to the code it had, and not verified{why}"
        AcceleratorError.__init__(self, said, self.look(app))

    @staticmethod
    def look(app: str) -> str:
        """Return what to do about an app that did not go back."""
        return (
            f"`heroku releases -a {app}` shows what is live; `heroku rollback -a {app}` goes back "
            "by hand"
        )


class OutcomeUnknown(AcceleratorError):
    """A deadline passed, or a reply was lost, while the platform may still be working."""

    exit_code = ExitCode.UNKNOWN
    code = "unknown"


class KeyRefused(AcceleratorError):
    """The platform refuses the API key, or the key may not do this."""

    exit_code = ExitCode.KEY_REFUSED
    code = "key_refused"


class Unreachable(AcceleratorError):
    """The platform did not answer, or answered with an error of its own, until the deadline."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class NotThePlatform(Unreachable):
    """Something else answers at the platform's address: asking again would not help."""


class RateLimited(Unreachable):
    """The account's rate limit was reached and not lifted within the deadline."""

    code = "rate_limited"


class NotFound(AcceleratorError):
    """An app, pipeline, release or commit does not exist, or the key may not see it.

    ``resource`` is Heroku's word for what is missing, where its answer has one; ``app`` the name
    that was asked for, where it is an app.
    """

    exit_code = ExitCode.NOT_FOUND
    code = "not_found"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        resource: str | None = None,
        app: str | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.resource, self.app = resource, app


class RequestInvalid(AcceleratorError):
    """Heroku refused a request as invalid (422 and relatives): it did nothing."""

    exit_code = ExitCode.RELEASE_FAILED
    code = "request_invalid"


class Unprocessable(RequestInvalid):
    """Heroku understood a request and declines it (422): asked in another way it may be granted."""


class TestsFailed(AcceleratorError):
    """The test command of `ship` failed; nothing was released."""

    exit_code = ExitCode.TESTS_FAILED
    code = "tests_failed"
    __test__ = False  # pytest: this is no test class

    def __init__(self, command: str, status: int) -> None:
        super().__init__(
            f"the tests failed: `{command}` exited {status}",
            "nothing was promoted; the output of the tests is above",
        )


class Inconclusive(AcceleratorError):
    """Verification could be neither passed nor failed; nothing was rolled back."""

    exit_code = ExitCode.INCONCLUSIVE
    code = "inconclusive"


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. Like Ctrl-C it passes through every handler of errors."""


class Interrupted(AcceleratorError):
    """The user or the CI system stopped the run.

    ``going_on`` is what may go on at Heroku, ``resumable`` are apps that can be resumed. On
    ``earlier`` ones that would finish a deploy before this one, of the commit that is named.
    """

    code = "interrupted"

    def __init__(
        self,
        terminated: bool = False,
        going_on: tuple[str, ...] = (),
        resumable: tuple[str, ...] = (),
        earlier: tuple[tuple[str, str], ...] = (),
    ) -> None:
        said = f"; this may go on at Heroku: {', '.join(going_on)}" if going_on else ""
        ways = "".join(f", or `accelerator resume {app}`" for app in resumable)
        others = "".join(
            f"; `accelerator resume {app}` finishes the deploy of {commit[:8]} instead, which was "
            "cut short there before"
            for app, commit in earlier
        )
        super().__init__(
            f"{'terminated' if terminated else 'interrupted'}{said}",
            f"run the same command again{ways}: what was finished is recognised and left alone"
            f"{others}",
        )
        self.exit_code = (  # type: ignore[misc]  # two signals, two codes
            ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
        )
