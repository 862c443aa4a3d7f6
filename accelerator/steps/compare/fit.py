"""Check before promoting that an artifact fits its target: promote, promote and warn, or rebuild.

All pure. An artifact carries what its build decided (stack, buildpacks, values compiled in); the
target's own settings have no say in that any more, and nothing on Heroku compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.models import ArtifactKind, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.models import Artifact, Build, Formation

Prints = dict[str, str]  # fingerprints of config vars, by name

PROCESS_TYPES = "process types"
LARGE_SLUG = 300_000_000  # Heroku warns above 300 MB (platform facts, section 5)


@dataclass(frozen=True, slots=True)
class Fit:
    """What is known of a target that an artifact has to fit; None where it was not read.

    ``stacks`` are the app's `stack` (what runs there) and its `build_stack` (what its next build
    would use); ``build_config`` fingerprints of the declared config vars, none if none are.
    """

    stacks: frozenset[str] | None = None
    generation: str | None = None
    buildpacks: tuple[str, ...] | None = None
    formation: tuple[Formation, ...] | None = None
    build_config: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was compared, and what came out.

    ``outcome``: ok, unknown (what it takes was not read), warning, or rebuild, whose ``reason``
    then says why the artifact must not go there.
    """

    name: str
    outcome: str
    detail: str = ""
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether an artifact may go to a target: ``rebuild`` is why not, warnings are for people."""

    rebuild: Reason | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()


def fitness_of(checks: tuple[Check, ...]) -> Fitness:
    """Return what the checks come to: promote, promote and warn, or rebuild."""
    if bad := next((check for check in checks if check.outcome == "rebuild"), None):
        return Fitness(bad.reason, bad.detail)
    told = (c for c in checks if c.outcome == "warning" and c.name != PROCESS_TYPES)
    return Fitness(warnings=tuple(check.detail for check in told))


def find_lost(types: Iterable[str] | None, target: Fit) -> tuple[str, ...]:
    """Return the process types that run on a target and are not among these, where all is known."""
    if types is None or target.formation is None:
        return ()
    running = {each.type for each in target.formation if each.quantity > 0}
    return tuple(sorted(running - set(types)))


def list_checks(
    artifact: Artifact | None,
    built: Build | None,
    config: Mapping[str, str] | None,
    target: Fit,
) -> tuple[Check, ...]:
    """Compare an artifact with a target in every respect, the gravest first.

    ``config`` are fingerprints of the config vars that shape builds, as it was built with them:
    empty where that was not read yet, None where nobody can tell. Who declares such a variable is
    not sent what may have been built with another value. Nothing else that was not read is held
    against anybody.
    """
    return (
        _generation(artifact, target),
        _stack(artifact, built, target),
        _buildpacks(built, target),
        _build_config(config, target),
        _process_types(artifact, target),
        _size(artifact),
    )


def stack_of(artifact: Artifact | None, built: Build | None) -> str | None:
    """Return the stack that an artifact was built for."""
    return (artifact.stack if artifact else None) or (built.stack if built else None)


def _generation(artifact: Artifact | None, target: Fit) -> Check:
    if artifact is None or target.generation is None:
        return Check("generation", "unknown")
    own = "fir" if artifact.kind is ArtifactKind.OCI_IMAGE else "cedar"
    if own == target.generation:
        return Check("generation", "ok", own)
    said = f"it is of generation {own}, the app of {target.generation}"
    return Check("generation", "rebuild", said, Reason.GENERATION_DIFFERS)


def _stack(artifact: Artifact | None, built: Build | None, target: Fit) -> Check:
    stack = stack_of(artifact, built)
    if stack is None or target.stacks is None:
        return Check("stack", "unknown")
    if stack in target.stacks:
        return Check("stack", "ok", stack)
    said = f"it was built for {stack}, the app is on {', '.join(sorted(target.stacks))}"
    return Check("stack", "rebuild", said, Reason.STACK_DIFFERS)


def _buildpacks(built: Build | None, target: Fit) -> Check:
    """Compare lists and order; a target without a list of its own takes what was detected."""
    if built is None or not built.buildpacks or target.buildpacks is None:
        return Check("buildpacks", "unknown")
    used = [_short(name) for name in built.buildpacks]
    own = [_short(name) for name in target.buildpacks]
    if not own or used == own:
        return Check("buildpacks", "ok", ", ".join(used))
    said = f"it was built with {', '.join(used)}, the app asks for {', '.join(own)}"
    return Check("buildpacks", "rebuild", said, Reason.BUILDPACKS_DIFFER)


def _short(name: str) -> str:
    """Return one name for a buildpack, whether it is written by registry name or by address."""
    bare = name.removesuffix(".git").removesuffix(".tgz").rstrip("/")
    for prefix in ("https://github.com/heroku/heroku-buildpack-", "urn:buildpack:heroku/"):
        if bare.startswith(prefix):
            return "heroku/" + bare.removeprefix(prefix)
    for prefix in ("https://buildpack-registry.s3.amazonaws.com/buildpacks/",):
        bare = bare.removeprefix(prefix)
    return bare


def _build_config(config: Mapping[str, str] | None, target: Fit) -> Check:
    """Compare the declared config vars by fingerprint; values are never shown."""
    wanted = target.build_config
    if wanted is None or (config is None and wanted):
        whose = "of the app" if wanted is None else "it was built with"
        said = f"the config vars {whose} cannot be told, and prepare.build_config names some"
        return Check("build config", "rebuild", said, Reason.BUILD_CONFIG_UNKNOWN)
    if not config:
        return Check("build config", "unknown") if wanted else Check(*_NONE_DECLARED)
    if differing := sorted(name for name in wanted if config.get(name) != wanted[name]):
        said = f"{', '.join(differing)} had another value when it was built"
        return Check("build config", "rebuild", said, Reason.BUILD_CONFIG_DIFFERS)
    return Check("build config", "ok", ", ".join(sorted(wanted)))


_NONE_DECLARED = ("build config", "ok", "none declared")


def _process_types(artifact: Artifact | None, target: Fit) -> Check:
    """Compare what runs; what would be lost is judged by the guards (`guard.process_types`)."""
    if artifact is None or artifact.process_types is None or target.formation is None:
        return Check(PROCESS_TYPES, "unknown")
    if lost := find_lost(artifact.process_types, target):
        said = f"process types that run now are not in it: {', '.join(lost)}"
        return Check(PROCESS_TYPES, "warning", said)
    running = sorted(each.type for each in target.formation if each.quantity > 0)
    return Check(PROCESS_TYPES, "ok", ", ".join(running) or "none runs now")


def _size(artifact: Artifact | None) -> Check:
    if artifact is None or artifact.size is None:
        return Check("size", "unknown")
    size = f"{artifact.size / 1e6:.1f} MB"
    if artifact.size > LARGE_SLUG:
        return Check("size", "warning", f"it is large ({size}): dynos will start slowly")
    return Check("size", "ok", size)
