"""Hooks that judge every answer of every platform the tests start by Heroku's schema.

All platforms of a session write their API exchanges into one file, also those of other processes
and of pytest's own workers; at the end they are judged, and what is wrong fails the session,
whichever test it came from.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "ACCELERATOR_LOCAL_RECORD"
_DIRECTORY = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()
_FINDINGS = pytest.StashKey[Any]()
_REASON = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Turn recording on, before workers or platforms are started; a worker finds it turned on."""
    if not hasattr(config, "workerinput"):
        directory = tempfile.TemporaryDirectory(prefix="exchanges-")
        config.stash[_DIRECTORY] = directory
        os.environ[VARIABLE] = str(Path(directory.name) / "exchanges.jsonl")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Turn recording off again."""
    directory = config.stash.get(_DIRECTORY, None)
    if directory is not None:
        directory.cleanup()
        del os.environ[VARIABLE]


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Judge what was recorded once all tests, and with them all platforms, have ended."""
    result = yield
    path = Path(os.environ[VARIABLE])
    if _DIRECTORY in session.config.stash and path.exists():
        _judge(session, path)
    return result


def _judge(session: pytest.Session, path: Path) -> None:
    from tests.contract.localheroku.audit import audit  # noqa: PLC0415 - heavy, and rarely needed

    try:
        with path.open() as lines:
            findings = audit(lines)
    except pytest.skip.Exception as skipped:
        session.config.stash[_REASON] = str(skipped)
        return
    session.config.stash[_FINDINGS] = findings
    if _is_everything(session.config):
        findings.problems.update(
            f"no test had success with {endpoint}" for endpoint in findings.unanswered
        )
    if findings.problems:
        session.testsfailed += 1


def _is_everything(config: pytest.Config) -> bool:
    is_all = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    # The slow tests add nothing here, and may have a run of their own.
    is_unmarked = config.getoption("markexpr") in {"", "not slow"}
    narrowing = ("keyword", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
    is_narrowed = any(config.getoption(name, None) for name in narrowing)
    return is_all and is_unmarked and not is_narrowed


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was judged, what is wrong, or why nothing could be judged."""
    write = terminalreporter.write_line
    reason = config.stash.get(_REASON, None)
    if reason is not None:
        write(f"SKIPPED the schema's judgement of all answers: {reason}")
    findings = config.stash.get(_FINDINGS, None)
    if findings is None:
        return
    for problem, count in findings.problems.most_common():
        write(f"SCHEMA ({count} times) {problem}", red=True)
    kinds = len(findings.problems)
    verdict = f"{kinds} kinds of problems" if kinds else "all as it says"
    write(f"judged by Heroku's schema: {findings.exchanges} different exchanges, {verdict}")
