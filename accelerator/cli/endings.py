"""How each command that works with the platform can end, for the last lines of its help."""

from __future__ import annotations

from accelerator.errors import ExitCode

_ALWAYS = frozenset(
    (
        ExitCode.DONE,
        ExitCode.BUG,
        ExitCode.USAGE,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    )
)
_ASKING_THE_PLATFORM = _ALWAYS | {
    ExitCode.UNKNOWN,
    ExitCode.KEY_REFUSED,
    ExitCode.UNREACHABLE,
    ExitCode.NOT_FOUND,
}
_PREPARING = _ASKING_THE_PLATFORM | {ExitCode.BUILD_FAILED, ExitCode.RELEASE_FAILED}
_MARKING = _ASKING_THE_PLATFORM | {ExitCode.REFUSED}
_SHIPPING = frozenset(ExitCode)
_DEPLOYING = _SHIPPING - {ExitCode.TESTS_FAILED}

ENDINGS = {
    "prepare": _PREPARING,
    "deploy": _DEPLOYING,
    "ship": _SHIPPING,
    "resume": _DEPLOYING - {ExitCode.PARTLY_DONE},  # it has one target
    **dict.fromkeys(("lock", "unlock", "freeze", "unfreeze", "reject", "accept"), _MARKING),
}


def epilog(command: str) -> str:
    """Return the codes a command can end with, in their order, each with its meaning."""
    codes = (f"{code} {code.meaning}" for code in sorted(ENDINGS[command]))
    return f"Exit codes: {', '.join(codes)}."
