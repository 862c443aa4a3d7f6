from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accelerator import errors
from accelerator.errors import (
    AcceleratorError,
    BuildFailed,
    ConfigurationInvalid,
    ConfigurationShown,
    DiskFull,
    ExitCode,
    HostNotRecognised,
    Inconclusive,
    Interrupted,
    KeyMissing,
    KeyRefused,
    LockUnavailable,
    NoLockRefs,
    NotFound,
    NothingToRun,
    NotReturned,
    NotThePlatform,
    OutcomeUnknown,
    PartlyDone,
    PromotionFailed,
    RateLimited,
    Refused,
    ReleaseFailed,
    RepositoryProblem,
    RequestInvalid,
    ShallowClone,
    SourceDiffers,
    Superseded,
    Terminated,
    TestsFailed,
    Unprocessable,
    Unreachable,
    UsageProblem,
    VerificationFailed,
    WrongArtifact,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# The numbers other people's pipelines depend on (docs: the reference of exit codes).
NUMBERS = {
    "DONE": 0,
    "BUG": 1,
    "USAGE": 2,
    "REFUSED": 3,
    "BUILD_FAILED": 4,
    "RELEASE_FAILED": 5,
    "ROLLED_BACK": 6,
    "NOT_ROLLED_BACK": 7,
    "PARTLY_DONE": 8,
    "UNKNOWN": 9,
    "KEY_REFUSED": 10,
    "UNREACHABLE": 11,
    "NOT_FOUND": 12,
    "TESTS_FAILED": 13,
    "INCONCLUSIVE": 14,
    "INTERRUPTED": 130,
    "TERMINATED": 143,
}

# Every failure with facts of its own: the error, its exit code, its word in the JSON, and what its
# message must name.
WITH_FACTS = [
    (
        ConfigurationInvalid(("lock is odd",)),
        2,
        "configuration",
        ["wrong in one place", "lock is odd"],
    ),
    (ConfigurationInvalid(("one", "two")), 2, "configuration", ["wrong in 2 places", "one; two"]),
    (ConfigurationShown(("one", "two")), 2, "configuration", ["2 places", "one; two"]),
    (KeyMissing("HEROKU_API_KEY", "api.heroku.com"), 2, "no_key", ["HEROKU_API_KEY"]),
    (HostNotRecognised("HEROKU_HOST", "evil.example"), 2, "host", ["HEROKU_HOST=evil.example"]),
    (DiskFull(OSError(28, "")), 2, "disk", ["cannot be written", "No space left"]),
    (DiskFull(OSError(2, "")), 2, "disk", ["cannot be written", "No space left"]),
    (ShallowClone(), 2, "shallow_clone", ["shallow clone"]),
    (BuildFailed("shop", "b1"), 4, "build_failed", ["the build on shop failed"]),
    (NothingToRun("shop", "b1"), 4, "nothing_to_run", ["the build on shop", "nothing to run"]),
    (SourceDiffers("shop", "b1", "a", "b"), 4, "source_differs", ["build b1", "shop", "a", "b"]),
    (PromotionFailed("shop", "no dice"), 5, "promotion_failed", ["shop", "no dice"]),
    (ReleaseFailed("shop", 7), 5, "release_failed", ["shop", "v7"]),
    (WrongArtifact("shop", "slug a", "slug b"), 7, "wrong_artifact", ["shop", "slug a", "slug b"]),
    (WrongArtifact("shop", "slug a", None), 7, "wrong_artifact", ["shop", "holds nothing"]),
    (VerificationFailed("shop", "500", 3), 6, "verification_failed", ["shop", "500", "v3"]),
    (
        VerificationFailed("shop", "500", None, ", as asked"),
        7,
        "verification_failed",
        ["shop", "500", "not rolled back, as asked"],
    ),
    (LockUnavailable("no way in"), 3, "lock_unavailable", ["no way in"]),
    (NoLockRefs("declined"), 3, "lock_unavailable", ["takes no refs", "declined"]),
    (PartlyDone(("eu",), ("us",), "boom"), 8, "partly_done", ["done: eu", "not done: us", "boom"]),
    (
        NotReturned("eu", ", as it is gone"),
        8,
        "partly_done",
        ["eu was not returned", "as it is gone"],
    ),
    (TestsFailed("make test", 2), 13, "tests_failed", ["make test", "exited 2"]),
    (Interrupted(), 130, "interrupted", ["interrupted"]),
    (Interrupted(terminated=True), 143, "interrupted", ["terminated"]),
    (
        Interrupted(going_on=("build 7 on shop",), resumable=("shop",)),
        130,
        "interrupted",
        ["interrupted", "may go on at Heroku: build 7 on shop"],
    ),
    (
        Interrupted(earlier=(("shop", "c0ffee" + "0" * 34),)),
        130,
        "interrupted",
        ["interrupted"],
    ),
]

# Failures whose message is given by whoever raises them.
WITH_MESSAGE: list[tuple[type[AcceleratorError], int, str]] = [
    (AcceleratorError, 1, "error"),
    (UsageProblem, 2, "usage"),
    (RepositoryProblem, 2, "repository"),
    (OutcomeUnknown, 9, "unknown"),
    (KeyRefused, 10, "key_refused"),
    (Unreachable, 11, "unreachable"),
    (NotThePlatform, 11, "unreachable"),
    (RateLimited, 11, "rate_limited"),
    (NotFound, 12, "not_found"),
    (RequestInvalid, 5, "request_invalid"),
    (Unprocessable, 5, "request_invalid"),
    (Inconclusive, 14, "inconclusive"),
]


def subclasses(kind: type[AcceleratorError]) -> Iterator[type[AcceleratorError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_the_exit_codes_are_the_documented_numbers() -> None:
    assert {code.name: code.value for code in ExitCode} == NUMBERS


def test_no_two_names_share_an_exit_code() -> None:
    assert len(ExitCode.__members__) == len({code.value for code in ExitCode})


@pytest.mark.parametrize(
    ("error", "number", "word", "facts"),
    [pytest.param(*row, id=f"{type(row[0]).__name__} {row[1]}") for row in WITH_FACTS],
)
def test_a_failure_names_its_facts_and_what_to_do_next(
    error: AcceleratorError, number: int, word: str, facts: list[str]
) -> None:
    assert (error.exit_code, error.code) == (number, word)
    assert isinstance(error.exit_code, ExitCode)
    assert all(fact in error.message for fact in facts)
    assert str(error) == error.message
    assert error.hint


@pytest.mark.parametrize(
    ("kind", "number", "word"),
    [pytest.param(*row, id=row[0].__name__) for row in WITH_MESSAGE],
)
def test_a_failure_carries_the_message_and_hint_it_was_given(
    kind: type[AcceleratorError], number: int, word: str
) -> None:
    error = kind("it happened", "do this")

    assert (error.message, error.hint, str(error)) == ("it happened", "do this", "it happened")
    assert (error.exit_code, error.code) == (number, word)


@pytest.mark.parametrize("kind", [Refused, Superseded])
def test_a_refusal_names_its_reason(kind: type[Refused]) -> None:
    error = kind("superseded", "a newer commit is live", "use --allow-older")

    assert (error.exit_code, error.code, error.reason) == (3, "refused", "superseded")
    assert error.hint == "use --allow-older"


@pytest.mark.parametrize(
    ("trouble", "is_the_disk"),
    [
        (OSError(28, "No space left on device"), True),
        (OSError(122, "Disk quota exceeded"), True),
        (FileNotFoundError(2, "No usable temporary directory found"), True),
        (FileNotFoundError(2, "No such file or directory", "somewhere"), False),
        (PermissionError(13, "Permission denied", "somewhere"), False),
        (OSError("no number at all"), False),
    ],
)
def test_a_full_disk_is_told_from_a_file_that_is_missing(
    trouble: OSError, is_the_disk: bool
) -> None:
    assert DiskFull.knows(trouble) is is_the_disk


def test_what_is_missing_is_named_in_the_platforms_word() -> None:
    assert NotFound("no app shop", resource="app").resource == "app"


def test_the_tables_above_leave_no_failure_out() -> None:
    tested: set[Any] = {type(row[0]) for row in WITH_FACTS} | {row[0] for row in WITH_MESSAGE}
    ours = {kind for kind in subclasses(AcceleratorError) if kind.__module__ == errors.__name__}

    assert ours == tested - {AcceleratorError} | {Refused, Superseded}


def test_every_failure_anywhere_has_an_exit_code_and_a_word_of_its_family() -> None:
    for kind in subclasses(AcceleratorError):
        assert isinstance(kind.exit_code, ExitCode), kind
        assert kind.code.replace("_", "").isalpha(), kind


def test_every_number_is_used_by_a_failure_or_by_the_boundary() -> None:
    used: set[int] = {row[1] for row in WITH_FACTS} | {row[1] for row in WITH_MESSAGE} | {3}

    assert {code.value for code in ExitCode} - used == {0}


def test_a_rollback_decides_the_exit_code_of_one_failure_only() -> None:
    rolled_back = VerificationFailed("shop", "500", 3)
    left = VerificationFailed("shop", "500", None)

    assert (rolled_back.exit_code, left.exit_code) == (6, 7)
    assert rolled_back.hint != left.hint


def test_termination_passes_through_handlers_of_errors() -> None:
    assert issubclass(Terminated, KeyboardInterrupt)
    assert not issubclass(Terminated, Exception)
