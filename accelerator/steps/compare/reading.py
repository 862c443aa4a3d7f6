"""Read what the decision needs: independent reads at once, and never one per candidate."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from accelerator.errors import KeyRefused, NotFound
from accelerator.models import ArtifactKind
from accelerator.steps.compare.facts import Facts, SourceState, TargetState
from accelerator.steps.compare.fit import Fit, fingerprint
from accelerator.steps.compare.unread import find_unconfirmed, find_unread_apps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import App, Artifact, ArtifactRef, Build, Commit, Coupling, Release
    from accelerator.steps.compare.wanted import SourceApp, Wanted
    from accelerator.steps.run import Run

Found = TypeVar("Found")

WITNESSES = ("HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT")
NOTHING_KNOWN = Facts()


def fetch_facts(run: Run, wanted: Wanted) -> Facts:
    """Read sources and targets in one round of parallel requests, single artifacts in a second.

    Raises `NotFound` when an app does not exist.
    """
    return confirm(run, wanted.commit, fetch_states(run, wanted))


def fetch_states(run: Run, wanted: Wanted, known: Facts = NOTHING_KNOWN) -> Facts:
    """Read sources and targets only: what lies where is known by the lists of builds so far.

    What this run has seen for itself (of `known`) stays: builds it followed, deploys cut short.
    """
    heroku, reader = run.heroku, _reader(run, wanted)
    reads = [read for source in wanted.sources for read in reader.of_source(source)]
    reads += [read for target in wanted.targets for read in reader.of_target(target)]
    if wanted.verify_source:
        reads.append(partial(run.clone.checksums, wanted.commit.sha))  # beside the requests
    answers = iter(heroku.together(*reads))
    sources = tuple(reader.source(source, answers) for source in wanted.sources)
    facts = replace(
        known,
        sources=tuple(_with_followed(source, known.followed) for source in sources),
        targets=tuple(reader.target(target, answers) for target in wanted.targets),
        artifacts={},
        trees=None,
    )
    if wanted.same_tree:
        built = {build.commit for source in facts.sources for build in source.builds}
        trees = run.clone.read_trees(frozenset(sha for sha in built if sha))
        facts = replace(facts, trees=trees)
    return replace(facts, archives=_make_archives(run, wanted, facts))


def _make_archives(run: Run, wanted: Wanted, facts: Facts) -> Mapping[str, frozenset[str]] | None:
    """Make the archives that sources are compared with; None where nothing is to be proven.

    An archive has the time of its commit in it. So what was built from an equal tree is compared
    with the archive of the commit that was built.
    """
    if not wanted.verify_source:
        return None
    sha = wanted.commit.sha
    held = {target.current.artifact for target in facts.targets if target.current}
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    others = {
        build.commit
        for state in states
        for build in state.builds
        if build.commit and (wanted.same_tree or build.artifact in held)
    }
    trees = run.clone.read_trees(frozenset({sha, *others}))
    equal = {other for other in others if other in trees and trees[other] == trees.get(sha)}
    return {each: run.clone.checksums(each) for each in {sha, *equal}}


def _with_followed(source: SourceState, followed: Mapping[str, Build]) -> SourceState:
    """Put the builds that were followed in the place of what the list says of them."""
    return replace(source, builds=tuple(followed.get(each.id, each) for each in source.builds))


def refresh_targets(run: Run, commit: Commit, facts: Facts) -> Facts:
    """Read the targets' releases again, the last look before a write, and what was not read yet."""
    missing = _find_missing(commit, facts)
    answers: tuple[Any, ...] = run.heroku.together(
        *(partial(run.heroku.releases.fetch_newest, target.app) for target in facts.targets),
        *(partial(find_artifact, run.heroku, app, ref) for app, ref in missing),
    )
    count = len(facts.targets)
    targets = tuple(
        replace(target, releases=page)
        for target, page in zip(facts.targets, answers[:count], strict=True)
    )
    facts = _with_artifacts(replace(facts, targets=targets), missing, answers[count:])
    return confirm(run, commit, facts)


def confirm(run: Run, commit: Commit, facts: Facts) -> Facts:
    """Read what the decision rests on: one round, and one more for each artifact that is no use.

    What the decision names at the end has been read itself; a build's word is not enough.
    """
    while True:
        missing = _find_missing(commit, facts)
        apps = sorted(find_unread_apps(commit, facts))
        if not missing and not apps:
            return facts
        answers: tuple[Any, ...] = run.heroku.together(
            *(partial(find_artifact, run.heroku, app, ref) for app, ref in missing),
            *(partial(run.heroku.apps.fetch, app) for app in apps),
        )
        infos = {app: answers[len(missing) + at] for at, app in enumerate(apps)}
        targets = tuple(_with_app(target, infos.get(target.app)) for target in facts.targets)
        facts = _with_artifacts(replace(facts, targets=targets), missing, answers)


def fetch_artifact(heroku: Heroku, app: str, ref: ArtifactRef) -> Artifact:
    """Read an artifact of either kind."""
    fetch = heroku.slugs.fetch if ref.kind is ArtifactKind.SLUG else heroku.oci_images.fetch
    return fetch(app, ref.id)


def find_artifact(heroku: Heroku, app: str, ref: ArtifactRef) -> Artifact | None:
    """Read an artifact that may be gone, or withheld from this key."""
    return _find(lambda: fetch_artifact(heroku, app, ref))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the reads of one round, and values of their answers, in the same order."""

    heroku: Heroku
    build_config: tuple[str, ...]
    salt: bytes
    verify_source: bool
    needs_addresses: bool

    def of_source(self, source: SourceApp) -> tuple[Callable[[], Any], ...]:
        heroku, app = self.heroku, source.app
        return (
            lambda: heroku.releases.fetch_newest(app),
            lambda: heroku.builds.fetch_newest(app),
            lambda: heroku.couplings.find_of_app(app),
            *([lambda: _find_config(heroku, app)] if source.is_prepare else []),
        )

    def source(self, source: SourceApp, answers: Iterator[Any]) -> SourceState:
        releases, builds, coupling = next(answers), next(answers), next(answers)
        config: Mapping[str, str] | None = next(answers) if source.is_prepare else None
        known = config or {}
        witness = next((known[name] for name in WITNESSES if known.get(name)), None)
        return SourceState(
            source.app,
            releases,
            builds,
            coupling,
            source.is_prepare,
            witness,
            config is not None,
            self._fingerprints(config),
        )

    def of_target(self, target: str) -> tuple[Callable[[], Any], ...]:
        heroku = self.heroku
        return (
            lambda: heroku.releases.fetch_newest(target),
            lambda: heroku.couplings.find_of_app(target),
            lambda: _find(lambda: heroku.buildpacks.fetch(target)),
            lambda: _find(lambda: heroku.formation.fetch(target)),
            *([lambda: _find_config(heroku, target)] if self.build_config else []),
            *([lambda: heroku.builds.fetch_newest(target)] if self.verify_source else []),
            *([lambda: heroku.apps.fetch(target)] if self.needs_addresses else []),
        )

    def target(self, target: str, answers: Iterator[Any]) -> TargetState:
        releases: tuple[Release, ...] = next(answers)
        coupling: Coupling | None = next(answers)
        buildpacks, formation = next(answers), next(answers)
        config = self._fingerprints(next(answers)) if self.build_config else {}
        builds: tuple[Build, ...] = next(answers) if self.verify_source else ()
        info: App | None = next(answers) if self.needs_addresses else None
        fit = Fit(buildpacks=buildpacks, formation=formation, build_config=config)
        if coupling is not None:
            app_id = coupling.app_id
        else:
            app_id = releases[0].app_id if releases else self.heroku.apps.fetch(target).id
        return TargetState(target, app_id, releases, coupling, fit, builds, info)

    def _fingerprints(self, config: Mapping[str, str] | None) -> Mapping[str, str]:
        """Keep of the config vars what can be compared, and nothing else."""
        if config is None:
            return {}
        return {name: fingerprint(config.get(name), self.salt) for name in self.build_config}


def _reader(run: Run, wanted: Wanted) -> _Reader:
    salt, addresses = os.urandom(16), wanted.needs_addresses
    return _Reader(run.heroku, wanted.build_config, salt, wanted.verify_source, addresses)


def _find_missing(commit: Commit, facts: Facts) -> list[tuple[str, ArtifactRef]]:
    return sorted(find_unconfirmed(commit, facts), key=lambda pair: pair[1].id)


def _with_artifacts(
    facts: Facts, refs: list[tuple[str, ArtifactRef]], answers: tuple[Artifact | None, ...]
) -> Facts:
    """Add what was read; two apps may hold one artifact, and the key may read only one of them."""
    found: dict[str, Artifact | None] = {}
    for (_, ref), artifact in zip(refs, answers, strict=False):
        found[ref.id] = artifact or found.get(ref.id)
    return replace(facts, artifacts={**facts.artifacts, **found})


def _with_app(target: TargetState, app: App | None) -> TargetState:
    if app is None:
        return target
    stacks = frozenset({app.stack, app.build_stack})
    fit = replace(target.fit, stacks=stacks, generation=app.generation)
    return replace(target, fit=fit, info=app)


def _find_config(heroku: Heroku, app: str) -> Mapping[str, str] | None:
    """Read config vars if the key may; nobody keeps the secrets among them."""
    return _find(lambda: heroku.config_vars.fetch(app))


def _find(read: Callable[[], Found]) -> Found | None:
    """Read what may be withheld from this key."""
    try:
        return read()
    except (KeyRefused, NotFound):
        return None
