"""Flags before environment before file before defaults, each value with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from accelerator.environment import detect_ci
from accelerator.errors import ConfigurationInvalid
from accelerator.foreign import one_line
from accelerator.planned import is_planned_setting, tell_planned
from accelerator.settings.declared import OTHER_VARIABLES, SETTINGS, STAGES, Setting, parameter
from accelerator.settings.parsing import nearest, parse_items
from accelerator.settings.review import find_refused
from accelerator.settings.values import Deadlines, Examined, Prepare, Problem, Settings, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_NAME = "accelerator.toml"

# The flags of settings as they were typed, each under its `parameter`. Only `load_settings` looks
# into it; everybody else asks the settings.
Given = Mapping[str, Any]

# Other programs may own a variable that begins like ours: only a near miss is taken for a slip.
_SLIP = 0.85
_PREFIX = "ACCELERATOR_"
_LONGEST_NAME = 60


def load_settings(
    flags: Given,
    environment: Mapping[str, str],
    file: Mapping[str, Any] | None,
    file_name: str = FILE_NAME,
    *,
    is_named: bool = False,
) -> Settings:
    """Merge all sources into one `Settings`; all problems are raised together.

    The keys of `flags` are parameter names (``on_miss`` for ``--on-miss``), and ``None`` or an
    empty list means that the flag was not given. `is_named` says that ``--config`` named the file:
    only then all of it is taken in a job about a pull request.
    """
    examined = examine_settings(flags, environment, file, file_name, is_named=is_named)
    if examined.problems:
        raise ConfigurationInvalid(tuple(problem.text for problem in examined.problems))
    return examined.settings


def examine_settings(
    flags: Given,
    environment: Mapping[str, str],
    file: Mapping[str, Any] | None,
    file_name: str = FILE_NAME,
    *,
    is_named: bool = False,
) -> Examined:
    """Merge all sources, whatever is wrong in them: a wrong setting has its default meanwhile."""
    entries = dict(_flatten(file or {}))
    sources = _Sources(flags, environment, entries, file_name)
    problems = [Problem(None, said) for said in _unknown_keys(entries, file_name)]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        raw, origins[setting.name], parse = sources.find(setting)
        try:
            values[setting.name] = parse(raw) if parse else raw
        except ValueError as error:
            values[setting.name] = setting.default
            problems.append(Problem(setting.name, f"{origins[setting.name]} {error}"))
    unknown = _unknown_variables(environment, values["key_env"])
    problems += [Problem(None, said) for said, is_slip in unknown if is_slip]
    is_reviewed = not is_named and detect_ci(environment).is_pull_request
    if is_reviewed:
        refused = find_refused(values, origins, file_name)
        problems += [Problem(name, said) for name, said in refused]
    warnings = tuple(said for said, is_slip in unknown if not is_slip)
    home = None if is_reviewed else _find_home(entries)
    settings = replace(_build(values, origins), warnings=warnings, home=home)
    return Examined(settings, tuple(problems))


def _find_home(entries: Mapping[str, Any]) -> str | None:
    """Return the first prepare app of the file, which no flag or variable hides."""
    try:
        return next(iter(parse_items(entries.get("prepare.apps", ()))), None)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Sources:
    flags: Given
    environment: Mapping[str, str]
    entries: Mapping[str, Any]
    file_name: str

    def find(self, setting: Setting) -> tuple[Any, str, Any]:
        """Return the raw value, where it came from, and its parser (none for a default)."""
        for flag in setting.flags:
            value = self.flags.get(parameter(flag))
            if value is not None and value not in ((), []):
                return value, f"flag {_spelled(flag, setting, value)}", setting.parse
        if text := self.environment.get(setting.variable, "").strip():
            return text, setting.variable, setting.parse
        if setting.name in self.entries:
            source = f"{self.file_name}: {setting.name}"
            return self.entries[setting.name], source, setting.parse_in_file
        return setting.default, "default", None


def _spelled(flag: str, setting: Setting, value: Any) -> str:
    negative = flag.replace("--", "--no-", 1)
    return negative if value is False and negative in setting.flags else flag


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = prefix + key
        if not isinstance(value, dict) or name in _NAMES:
            yield name, value
        elif value:
            yield from _flatten(value, name + ".")
        elif name not in _TABLES:
            yield name, value


_NAMES = frozenset(setting.name for setting in SETTINGS)
_SECTIONS = ("PREPARE_", "DEADLINES_", "STAGES_")
_TABLES = frozenset(("prepare", "deadlines", "stages", *(f"stages.{stage}" for stage in STAGES)))


def _unknown_keys(entries: Mapping[str, Any], file_name: str) -> Iterator[str]:
    for name in entries:
        if name in _NAMES:
            continue
        parts = [one_line(part, _LONGEST_NAME) for part in name.split(".")]
        if parts[0] == "stages" and len(parts) > 1 and parts[1] not in STAGES:
            yield f'{file_name}: unknown stage "{parts[1]}"{nearest(parts[1], STAGES)}'
        elif is_planned_setting(name):
            yield f"{file_name}: {tell_planned(name)}"
        else:
            known = one_line(name, _LONGEST_NAME)
            yield f'{file_name}: unknown key "{known}"{nearest(known, _meant(known))}'


def _meant(written: str) -> frozenset[str]:
    """Return the settings that an unknown key may be meant for.

    They are those that it begins, in its own table; else those with its last word, in whichever
    table; else all.
    """
    begun = frozenset(name for name in _NAMES if name.startswith(f"{written}_"))
    word = written.rpartition(".")[2]
    return begun or frozenset(name for name in _NAMES if name.endswith(f".{word}")) or _NAMES


def _unknown_variables(
    environment: Mapping[str, str], key_env: str | None
) -> list[tuple[str, bool]]:
    """Return what is wrong with unknown variables, and of each whether it was meant as ours."""
    known = {setting.variable.removeprefix(_PREFIX) for setting in SETTINGS}
    others = {setting.variable for setting in SETTINGS} | OTHER_VARIABLES | {key_env, _PREFIX}
    found = []
    for variable in sorted(environment):
        rest = variable.removeprefix(_PREFIX)
        if rest == variable or variable in others:
            continue
        if is_planned_setting(_planned_name(rest)):
            found.append((tell_planned(variable), True))
            continue
        is_slip = rest.startswith(_SECTIONS)
        close = get_close_matches(rest, known, n=1, cutoff=0.5 if is_slip else _SLIP)
        if close or is_slip:
            hint = f"; did you mean {_PREFIX}{close[0]}?" if close else ""
            found.append((f"unknown variable {variable}{hint}", True))
        else:
            found.append((f"the variable {variable} names no setting and is not read", False))
    return found


def _planned_name(rest: str) -> str:
    """Return the name of the setting that a variable would stand for."""
    table, _, key = rest.lower().partition("_")
    stage, _, own = key.partition("_")
    return f"stages.{stage}.{own}" if table == "stages" and stage in STAGES else rest.lower()


def _build(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    return Settings(
        key_env=values["key_env"],
        pipeline=values["pipeline"],
        prepare=Prepare(**_table(values, "prepare.")),
        on_miss=values["on_miss"],
        wait=values["wait"],
        smoke=values["smoke"],
        rollback=values["rollback"],
        lock=values["lock"],
        lock_wait=values["lock_wait"],
        lock_remote=values["lock_remote"],
        same_tree=values["same_tree"],
        verify_source=values["verify_source"],
        on_superseded=values["on_superseded"],
        strict=values["strict"],
        timeout=values["timeout"],
        deadlines=Deadlines(**_table(values, "deadlines.")),
        stages={stage: Stage(**_table(values, f"stages.{stage}.")) for stage in STAGES},
        sources=dict(origins),
    )


def _table(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
