"""Check before promoting that an artifact fits its target: promote, promote and warn, or rebuild.

All pure. An artifact carries what its build decided (stack, buildpacks, values compiled in); the
target's own settings have no say in that any more, and nothing on Heroku compares them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.models import ArtifactKind, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import Artifact, Build, Formation

LARGE_SLUG = 300_000_000  # Heroku warns above 300 MB (platform facts, section 5)


@dataclass(frozen=True, slots=True)
class Fit:
    """What is known of a target that an artifact has to fit; None where it was not read.

    ``stacks`` are the app's `stack` (what runs there) and its `build_stack` (what its next build
    would use); ``build_config`` fingerprints of the declared config vars.
    """

    stacks: frozenset[str] | None = None
    generation: str | None = None
    buildpacks: tuple[str, ...] | None = None
    formation: tuple[Formation, ...] | None = None
    build_config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rebuild`` names why the artifact must not go there; warnings are for people."""

    rebuild: Reason | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()


def fingerprint(value: str | None, salt: bytes) -> str:
    """Make a value comparable without keeping it; the salt is new with every run."""
    if value is None:
        return "absent"
    return hashlib.blake2b(value.encode(), key=salt, digest_size=16).hexdigest()


def judge(
    artifact: Artifact | None,
    built: Build | None,
    config: Mapping[str, str],
    target: Fit,
) -> Verdict:
    """Say whether an artifact may go to a target as it is.

    ``config`` and the target's ``build_config`` are fingerprints of the config vars that shape the
    build, by name. What was not read is not held against anybody.
    """
    found = _generation(artifact, target) or _stack(artifact, built, target)
    if found := found or _buildpacks(built, target):
        return found
    differing = sorted(
        name for name, value in config.items() if target.build_config.get(name, value) != value
    )
    if differing:
        said = f"{', '.join(differing)} had another value when it was built"
        return Verdict(Reason.BUILD_CONFIG_DIFFERS, said)
    return Verdict(warnings=_warnings(artifact, target))


def stack_of(artifact: Artifact | None, built: Build | None) -> str | None:
    """Say which stack an artifact was built for."""
    return (artifact.stack if artifact else None) or (built.stack if built else None)


def _generation(artifact: Artifact | None, target: Fit) -> Verdict | None:
    if artifact is None or target.generation is None:
        return None
    own = "fir" if artifact.kind is ArtifactKind.OCI_IMAGE else "cedar"
    if own == target.generation:
        return None
    said = f"it is of generation {own}, the app of {target.generation}"
    return Verdict(Reason.GENERATION_DIFFERS, said)


def _stack(artifact: Artifact | None, built: Build | None, target: Fit) -> Verdict | None:
    stack = stack_of(artifact, built)
    if stack is None or target.stacks is None or stack in target.stacks:
        return None
    said = f"it was built for {stack}, the app is on {', '.join(sorted(target.stacks))}"
    return Verdict(Reason.STACK_DIFFERS, said)


def _buildpacks(built: Build | None, target: Fit) -> Verdict | None:
    """Compare lists and order; a target without a list of its own takes what was detected."""
    if built is None or not built.buildpacks or not target.buildpacks:
        return None
    used = [_short(name) for name in built.buildpacks]
    own = [_short(name) for name in target.buildpacks]
    if used == own:
        return None
    said = f"it was built with {', '.join(used)}, the app asks for {', '.join(own)}"
    return Verdict(Reason.BUILDPACKS_DIFFER, said)


def _short(name: str) -> str:
    """Name a buildpack alike, however it is written: by registry name or by address."""
    bare = name.removesuffix(".git").removesuffix(".tgz").rstrip("/")
    for prefix in ("https://github.com/heroku/heroku-buildpack-", "urn:buildpack:heroku/"):
        if bare.startswith(prefix):
            return "heroku/" + bare.removeprefix(prefix)
    for prefix in ("https://buildpack-registry.s3.amazonaws.com/buildpacks/",):
        bare = bare.removeprefix(prefix)
    return bare


def _warnings(artifact: Artifact | None, target: Fit) -> tuple[str, ...]:
    warnings = []
    if artifact is not None and artifact.process_types and target.formation is not None:
        gone = sorted(
            each.type
            for each in target.formation
            if each.quantity > 0 and each.type not in artifact.process_types
        )
        if gone:
            warnings.append(f"process types that run now are not in it: {', '.join(gone)}")
    if artifact is not None and (artifact.size or 0) > LARGE_SLUG:
        size = (artifact.size or 0) / 1e6
        warnings.append(f"it is large ({size:.0f} MB): dynos will start slowly")
    return tuple(warnings)
