"""What the design has and no release has yet, so that whoever asks for it is told so.

A command, flag or setting leaves its row here when it is built.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

COMMANDS = (
    "approve",
    "audit",
    "ci",
    "diff",
    "doctor",
    "promote",
    "releases",
    "report",
    "review",
    "rollback",
    "setup",
    "simulate",
    "status",
    "timings",
    "verify",
)
FLAGS = ("--approve", "--html", "--num", "--release", "--with-config")
SETTINGS = (
    "approvals",
    "stages.*.after",
    "stages.*.approvals",
    "stages.*.confirm",
    "stages.*.key_env",
    "stages.*.soak",
    "stages.*.windows",
)


def is_planned_setting(name: str) -> bool:
    """Return whether a setting of that name is planned."""
    return any(fnmatchcase(name, planned) for planned in SETTINGS)


def tell_planned(name: str) -> str:
    """Return what is said of something that is planned."""
    return f"`{name}` is planned, not built yet"
