"""The settings as frozen, typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accelerator.foreign import hide_credentials
from accelerator.settings.declared import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.errors import AcceleratorError
    from accelerator.models import LockMode, OnMiss, OnSuperseded, Strategy
    from accelerator.settings.declared import Setting


@dataclass(frozen=True, slots=True)
class Prepare:
    """The ``[prepare]`` table."""

    apps: tuple[str, ...]
    strategy: Strategy
    subdir: str | None
    build_config: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The ``[deadlines]`` table: seconds for each kind of waiting."""

    build: float
    promotion: float
    release_phase: float
    dynos: float
    smoke_deadline: float
    traces: float
    switch: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One ``[stages.…]`` table; ``None`` means that the setting for all stages holds."""

    smoke: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `accelerator config`."""

    name: str
    value: str
    source: str
    help: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, as a sentence with its source, and with which setting if it is one."""

    setting: str | None
    text: str

    @classmethod
    def of(cls, error: AcceleratorError, setting: str | None = None) -> Problem:
        """Return an error as a problem: what happened, and what to do."""
        return cls(setting, f"{error.message}: {error.hint}" if error.hint else error.message)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run; durations are seconds. `sources` has an entry for every name.

    `warnings` are for people: variables that look like settings and are none. `home` is the first
    of ``prepare.apps`` in the file, also where a flag or variable names other apps.
    """

    key_env: str
    pipeline: str | None
    prepare: Prepare
    on_miss: OnMiss
    wait: float
    smoke: tuple[str, ...]
    rollback: bool
    lock: LockMode
    lock_wait: float
    lock_remote: str | None
    same_tree: bool
    verify_source: bool
    on_superseded: OnSuperseded
    strict: bool
    timeout: float | None
    deadlines: Deadlines
    stages: Mapping[str, Stage]
    sources: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    home: str | None = None

    def smoke_of(self, stage: str | None) -> tuple[str, ...]:
        """Return the smoke checks of a stage; a flag is meant for every stage of this run."""
        own = self.stages.get(stage or "")
        if own is None or own.smoke is None or self.sources["smoke"].startswith("flag "):
            return self.smoke
        return own.smoke

    def smoke_source(self, stage: str | None) -> str:
        """Return where the smoke checks of a stage come from: a flag, a variable, a key."""
        return self.sources.get(self.smoke_name(stage), "smoke")

    def smoke_name(self, stage: str | None) -> str:
        """Return which setting has the smoke checks of a stage."""
        is_own = self.smoke_of(stage) is not self.smoke
        return f"stages.{stage}.smoke" if is_own else "smoke"

    def rows(self, problems: tuple[Problem, ...] = ()) -> tuple[Row, ...]:
        """List every setting with its source; of the stages only what somebody has set.

        A setting with a problem has it in the place of its value, which may be anything.
        """
        wrong = {each.setting: each.text for each in problems}
        return tuple(
            Row(
                setting.name,
                "(wrong)" if setting.name in wrong else self._shown(setting),
                self.sources[setting.name],
                setting.help,
                wrong.get(setting.name),
            )
            for setting in SETTINGS
            if not setting.name.startswith("stages.") or self.sources[setting.name] != "default"
        )

    def _shown(self, setting: Setting) -> str:
        value: Any = self
        for part in setting.name.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        shown = hide_credentials(_text(value), hide_query=True)
        return shown or setting.unless_set or "-"


@dataclass(frozen=True, slots=True)
class Examined:
    """Settings, and all that is wrong with them; what is wrong has its default there."""

    settings: Settings
    problems: tuple[Problem, ...] = ()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(value)
    return duration(value) if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Write seconds as they may be given: ``1h30m``, ``90s`` as ``1m30s``, ``0s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    if rest or not any(parts):
        parts.append(f"{rest:g}s")
    return "".join(parts)
