"""The lock remote as the commands use it: which one, who we are, and what stands in it."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelerator.environment import detect_ci
from accelerator.errors import AcceleratorError, UsageProblem
from accelerator.steps.compare.reading import STAGES, resolve_targets
from accelerator.steps.guard.locks import LockPolicy
from accelerator.steps.guard.notes import Mark, reject_ref, render_note

if TYPE_CHECKING:
    from datetime import datetime

    from accelerator.cli.session import Session
    from accelerator.models import Commit
    from accelerator.repository import RefStore


def make_lock_policy(session: Session) -> LockPolicy:
    """Say how this run locks, and as whom."""
    settings = session.settings
    ci = detect_ci(session.environment)
    return LockPolicy(
        mode=settings.lock,
        wait_seconds=settings.lock_wait,
        holder=who(session),
        link=ci.job_url,
        open_refs=lambda: open_refs(session),
    )


def who(session: Session) -> str:
    """Name this run: the CI job, else user and machine."""
    ci = detect_ci(session.environment)
    if ci.name:
        return f"{ci.name} job {os.getpid()}" if ci.job_url is None else f"{ci.name} job"
    return f"{getpass.getuser()}@{socket.gethostname()}"


def find_app(session: Session, target: str) -> str:
    """Name the app that a target stands for, as deploys do; raises `UsageProblem` for several."""
    if target not in STAGES:
        return target
    names = resolve_targets(session.run, session.find_sources()[0], (target,))
    if len(names) > 1:
        raise UsageProblem(
            f"several apps are at stage {target}: {', '.join(names)}", "name one of them"
        )
    return names[0]


def find_moment(session: Session, app: str) -> datetime:
    """Read the platform's clock, by which locks end: this machine's own may be off by minutes."""
    session.run.heroku.apps.fetch(app)
    return session.run.heroku.moment()


def open_refs(session: Session) -> RefStore:
    """Connect to the lock remote; the key goes along only to Heroku's own git host."""
    from accelerator.repository import RefStore  # noqa: PLC0415  # runs git; most commands do not

    remote = session.settings.lock_remote
    if remote is None:
        remote = f"{session.endpoint.git_url}/{session.find_sources()[0]}.git"
    is_ours = urlsplit(remote).netloc == urlsplit(session.endpoint.git_url).netloc
    return RefStore(remote, session.key if is_ours else None, session.environment)


def reject_quietly(session: Session, app: str, commit: Commit, why: str) -> None:
    """Keep a commit from a target after an automatic rollback; say so where that fails."""
    if session.settings.lock == "off":
        return
    try:
        with open_refs(session) as refs:
            mark = Mark(who(session), why, session.clock.moment().isoformat(timespec="seconds"))
            refs.swap(reject_ref(app, commit.sha), None, refs.write(render_note(mark)))
        session.events.note(
            f"{commit.short} is rejected for {app} until `accelerator accept {app}`", "warning"
        )
    except AcceleratorError as trouble:
        session.events.note(f"the rejection could not be kept: {trouble.message}", "warning")
