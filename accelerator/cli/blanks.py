"""The document of a run that failed before its command began: a wrong option, a bug.

It has every key of the command's document, so that a reader finds what it looks for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.errors import ExitCode
    from accelerator.output.parts import Document

# Modules by name, so that one failure imports one of them. Each has a function `blank`.
_NOUNS = {
    "prepare": "accelerator.output.prepare",
    "deploy": "accelerator.output.deploy",
    "ship": "accelerator.output.ship",
    "resume": "accelerator.output.deploy",
    **dict.fromkeys(
        ("lock", "unlock", "freeze", "unfreeze", "reject", "accept"), "accelerator.output.marks"
    ),
    "config": "accelerator.output.config",
    "local": "accelerator.output.local",
    "demo": "accelerator.demo.report",
}


def failed_document(command: str, exit_code: ExitCode, error: Mapping[str, str | None]) -> Document:
    """Return the document of a command that has nothing to tell but its failure.

    What is no command of ours, or one without ``--json``, has the four keys of every document.
    """
    keys: Document = import_module(_NOUNS[command]).blank() if command in _NOUNS else {}
    return {
        **keys,
        "schema": f"accelerator.{command}/1",
        "ok": False,
        "exit_code": int(exit_code),
        "error": dict(error),
    }
