"""What `accelerator.toml` may not say while it is under review itself.

In a job about a pull request the file is the author's, and the job may have secrets that the author
has not. So the settings with which the file would reach for them are taken from there only where
whoever wrote the job has named the file. Everything else it may say: that only changes how the
author's own commit is shipped to targets that the file does not choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.settings.parsing import is_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Each with what it would do, and what sets it for a job.
_REACHING = {
    "key_env": ("it chooses which secret of the job is sent", ""),
    "lock_remote": ("git would go there with the job's credentials", " or --lock-remote"),
    "pipeline": ("it chooses the apps that stage names stand for", ""),
    "prepare.apps": ("it chooses the app that builds and runs this commit", " or --app (--from)"),
}


def find_refused(
    values: Mapping[str, Any], origins: Mapping[str, str], file: str
) -> Iterator[tuple[str, str]]:
    """Return the settings that a file under review may not give, each with what is wrong."""
    given = {name for name, origin in origins.items() if origin == f"{file}: {name}"}
    for name, (why, flag) in _REACHING.items():
        if name in given:
            yield name, _refusal(file, name, why, f"{_variable(name)}{flag}")
    if origins["smoke"].startswith("flag "):
        return  # it hides those of the file, of the stages too
    for name in sorted(given):
        is_smoke = name == "smoke" or name.endswith(".smoke")
        if is_smoke and any(is_command(check) for check in values.get(name) or ()):
            why = "it has a command to run"
            yield name, _refusal(file, name, why, f"{_variable(name)} or --smoke")


def _refusal(file: str, name: str, why: str, instead: str) -> str:
    return (
        f"{file}: {name} is not taken from the file in a pull-request job, because {why}: "
        f"set {instead} in the job, or name the file with --config {file}"
    )


def _variable(name: str) -> str:
    return "ACCELERATOR_" + name.replace(".", "_").upper()
