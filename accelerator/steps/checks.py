"""Check before promoting that an artifact fits its target: promote, promote and warn, or rebuild.

All pure. An artifact carries what its build decided (stack, buildpacks, values compiled in); the
target's own settings have no say in that any more, and nothing on Heroku compares them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.models import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelerator.models import App, Artifact, Build, Formation

LARGE_SLUG = 300_000_000  # Heroku warns above 300 MB (platform facts, section 5)


@dataclass(frozen=True, slots=True)
class Fit:
    """What is known of a target that an artifact has to fit; None where it was not read."""

    app: App | None = None
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
    generation: str | None = None,
) -> Verdict:
    """Say whether an artifact may go to a target as it is.

    ``config`` and the target's ``build_config`` are fingerprints of the config vars that shape the
    build, by name. What was not read is not held against anybody.
    """
    for check in (_stack, _buildpacks):
        found = check(artifact, built, target)
        if found is not None:
            return found
    if generation and target.app and generation != target.app.generation:
        said = f"it is of generation {generation}, the app of {target.app.generation}"
        return Verdict(Reason.GENERATION_DIFFERS, said)
    differing = sorted(
        name for name, value in config.items() if target.build_config.get(name, value) != value
    )
    if differing:
        said = f"{', '.join(differing)} had another value when it was built"
        return Verdict(Reason.BUILD_CONFIG_DIFFERS, said)
    return Verdict(warnings=_warnings(artifact, target))


def _stack(artifact: Artifact | None, built: Build | None, target: Fit) -> Verdict | None:
    stack = (artifact.stack if artifact else None) or (built.stack if built else None)
    # The app's `stack` is what runs there, its `build_stack` what its next build would use.
    if stack is None or target.app is None or stack in {target.app.stack, target.app.build_stack}:
        return None
    return Verdict(
        Reason.STACK_DIFFERS, f"it was built for {stack}, the app is on {target.app.build_stack}"
    )


def _buildpacks(artifact: Artifact | None, built: Build | None, target: Fit) -> Verdict | None:  # noqa: ARG001  # all checks look alike
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
