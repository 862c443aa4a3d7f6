"""Read what the decision needs: independent reads at once, and never one per candidate."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from accelerator.errors import UsageProblem
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.fingerprints import Declared
from accelerator.steps.compare.fit import Fit
from accelerator.steps.compare.lookups import (
    find_artifact,
    find_built_with,
    find_config,
    find_optional,
    find_witness,
)
from accelerator.steps.compare.membership import find_listed
from accelerator.steps.compare.same_source import is_build_of, with_archives
from accelerator.steps.compare.states import SourceState, TargetState
from accelerator.steps.compare.unread import (
    find_unconfirmed,
    find_unread_apps,
    find_unread_configs,
    find_unwitnessed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from accelerator.heroku import Heroku
    from accelerator.models import (
        App,
        Artifact,
        ArtifactRef,
        Build,
        BuildInput,
        Commit,
        Coupling,
        Release,
    )
    from accelerator.steps.compare.wanted import SourceApp, Wanted
    from accelerator.steps.run import Run

NOTHING_KNOWN = Facts()


def fetch_states(run: Run, wanted: Wanted, known: Facts = NOTHING_KNOWN) -> Facts:
    """Read sources and targets only: what lies where is known by the lists of builds so far.

    What this run has seen for itself (of `known`) stays: builds it followed, deploys cut short.
    """
    heroku, declared = run.heroku, Declared(wanted.build_config, os.urandom(16))
    reader = _Reader(heroku, declared, wanted.verify_source, wanted.needs_addresses)
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
        inputs=None,
        declared=declared,
        built_with={},
    )
    _refuse_other_names(facts)
    facts = _with_listed(run, wanted, facts)
    if wanted.same_tree:
        facts = replace(facts, inputs=read_inputs(run, wanted.commit, facts))
    return replace(facts, archives=_make_archives(run, wanted, facts))


def _with_listed(run: Run, wanted: Wanted, facts: Facts) -> Facts:
    """Give targets that name no pipeline themselves their place in one that lists them."""
    lone = tuple(target.app for target in facts.targets if target.coupling is None)
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    known = [state.coupling for state in states]
    found = find_listed(run.heroku, lone, known, wanted.pipeline)
    places = ((target, found.get(target.app, target.coupling)) for target in facts.targets)
    return replace(facts, targets=tuple(replace(each, coupling=at) for each, at in places))


def read_inputs(run: Run, commit: Commit, facts: Facts) -> Mapping[str, BuildInput]:
    """Read what builds of the commit, and of all that is listed as built, are made of."""
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    built = {build.commit for state in states for build in state.builds}
    inputs = run.clone.read_inputs(frozenset({commit.sha, *filter(None, built)}))
    return with_archives(inputs, commit.sha, run.clone.checksums)


def _refuse_other_names(facts: Facts) -> None:
    """Raise for an app that Heroku answers for under another name, after it was renamed, say.

    Its locks, freezes and rejections are kept under the name it has: they would be passed over.
    """
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    for state in states:
        name = next((release.app_name for release in state.releases), state.app)
        if name != state.app:
            raise UsageProblem(
                f"{state.app} is called {name} on Heroku", f"write {name} in its place"
            )


def _make_archives(run: Run, wanted: Wanted, facts: Facts) -> Mapping[str, frozenset[str]] | None:
    """Make the archives that sources are compared with; None where nothing is to be proven.

    An archive has the time of its commit in it. So what was built from the same source is compared
    with the archive of the commit that was built.
    """
    if not wanted.verify_source:
        return None
    sha = wanted.commit.sha
    held = {target.current.artifact for target in facts.targets if target.current}
    states: tuple[SourceState | TargetState, ...] = (*facts.sources, *facts.targets)
    builds = [
        build
        for state in states
        for build in state.builds
        if wanted.same_tree or build.artifact in held
    ]
    told = run.clone.read_inputs(frozenset({sha, *(b.commit for b in builds if b.commit)}))
    inputs = with_archives(told, sha, run.clone.checksums)
    equal = {build.commit for build in builds if is_build_of(build, sha, inputs) and build.commit}
    return {each: run.clone.checksums(each) for each in {sha, *equal}}


def _with_followed(source: SourceState, followed: Mapping[str, Build]) -> SourceState:
    """Put the builds that were followed in the place of what the list says of them."""
    return replace(source, builds=tuple(followed.get(each.id, each) for each in source.builds))


def refresh_targets(run: Run, commit: Commit, facts: Facts) -> Facts:
    """Read the targets' releases again, the last look before a write, and what was not read yet."""
    missing, configs = _find_missing(commit, facts), find_unread_configs(commit, facts)
    answers: tuple[Any, ...] = run.heroku.together(
        *(partial(run.heroku.releases.fetch_newest, target.app) for target in facts.targets),
        *(partial(find_artifact, run.heroku, app, ref) for app, ref in missing),
        *(partial(find_built_with, run.heroku, facts, ref) for ref in configs),
    )
    count = len(facts.targets)
    targets = tuple(
        _with_releases(target, page)
        for target, page in zip(facts.targets, answers[:count], strict=True)
    )
    facts = _with_artifacts(replace(facts, targets=targets), missing, answers[count:])
    facts = _with_configs(facts, configs, answers)
    return confirm(run, commit, facts)


def refresh_moved(run: Run, commit: Commit, facts: Facts, apps: Iterable[str]) -> Facts:
    """Read the targets again where one of these apps runs another release than was read."""
    targets = [facts.target(app) for app in apps]
    pages = run.heroku.together(
        *(partial(run.heroku.releases.fetch_newest, target.app) for target in targets)
    )
    now = [_with_releases(target, page) for target, page in zip(targets, pages, strict=True)]
    has_moved = [each.current for each in now] != [each.current for each in targets]
    return refresh_targets(run, commit, facts) if has_moved else facts


def _with_releases(target: TargetState, page: tuple[Release, ...]) -> TargetState:
    """Take newer releases; witnesses of what ran before say nothing of what runs now."""
    now = replace(target, releases=page)
    return now if now.current == target.current else replace(now, is_witnessed=False, witness=None)


def confirm(run: Run, commit: Commit, facts: Facts) -> Facts:
    """Read what the decision rests on: one round, and one more for each artifact that is no use.

    What the decision names at the end has been read itself; a build's word is not enough.
    """
    while True:
        missing = _find_missing(commit, facts)
        apps = sorted(find_unread_apps(commit, facts))
        configs = find_unread_configs(commit, facts)
        if not (missing or apps or configs):
            if not (unknown := find_unwitnessed(commit, facts)):
                return facts
            facts = _with_witnesses(run, facts, unknown)
            continue
        answers: tuple[Any, ...] = run.heroku.together(
            *(partial(find_artifact, run.heroku, app, ref) for app, ref in missing),
            *(partial(run.heroku.apps.fetch, app) for app in apps),
            *(partial(find_built_with, run.heroku, facts, ref) for ref in configs),
        )
        infos = {app: answers[len(missing) + at] for at, app in enumerate(apps)}
        targets = tuple(_with_app(target, infos.get(target.app)) for target in facts.targets)
        facts = _with_artifacts(replace(facts, targets=targets), missing, answers)
        facts = _with_configs(facts, configs, answers)


def _with_witnesses(run: Run, facts: Facts, apps: frozenset[str]) -> Facts:
    """Read what else may tell which commit some targets run: their builds, a variable of theirs."""
    heroku = run.heroku

    def witnessed(target: TargetState) -> TargetState:
        builds = find_optional(lambda: heroku.builds.fetch_newest(target.app))
        named = find_witness(find_config(heroku, target.app))
        builds = target.builds or builds or ()
        return replace(target, builds=builds, witness=named, is_witnessed=True)

    chosen = [target for target in facts.targets if target.app in apps]
    read = dict(zip([t.app for t in chosen], run.side_by_side(witnessed, chosen), strict=True))
    return replace(facts, targets=tuple(read.get(each.app, each) for each in facts.targets))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the reads of one round, and values of their answers, in the same order."""

    heroku: Heroku
    declared: Declared
    verify_source: bool
    needs_addresses: bool

    def of_source(self, source: SourceApp) -> tuple[Callable[[], Any], ...]:
        heroku, app = self.heroku, source.app
        return (
            lambda: heroku.releases.fetch_newest(app),
            lambda: heroku.builds.fetch_newest(app),
            lambda: heroku.couplings.find_of_app(app),
            *([lambda: find_config(heroku, app)] if source.is_prepare else []),
        )

    def source(self, source: SourceApp, answers: Iterator[Any]) -> SourceState:
        releases, builds, coupling = next(answers), next(answers), next(answers)
        config: Mapping[str, str] | None = next(answers) if source.is_prepare else None
        return SourceState(
            source.app,
            releases,
            builds,
            coupling,
            source.is_prepare,
            find_witness(config),
            config is not None,
        )

    def of_target(self, target: str) -> tuple[Callable[[], Any], ...]:
        heroku = self.heroku
        return (
            lambda: heroku.releases.fetch_newest(target),
            lambda: heroku.couplings.find_of_app(target),
            lambda: find_optional(lambda: heroku.buildpacks.fetch(target)),
            lambda: find_optional(lambda: heroku.formation.fetch(target)),
            *([lambda: find_config(heroku, target)] if self.declared.names else []),
            *([lambda: heroku.builds.fetch_newest(target)] if self.verify_source else []),
            *([lambda: heroku.apps.fetch(target)] if self.needs_addresses else []),
        )

    def target(self, target: str, answers: Iterator[Any]) -> TargetState:
        releases: tuple[Release, ...] = next(answers)
        coupling: Coupling | None = next(answers)
        buildpacks, formation = next(answers), next(answers)
        config = self.declared.prints_of(next(answers)) if self.declared.names else {}
        builds: tuple[Build, ...] = next(answers) if self.verify_source else ()
        info: App | None = next(answers) if self.needs_addresses else None
        fit = Fit(buildpacks=buildpacks, formation=formation, build_config=config)
        if coupling is not None:
            app_id = coupling.app_id
        else:
            app_id = releases[0].app_id if releases else self.heroku.apps.fetch(target).id
        return TargetState(target, app_id, releases, coupling, fit, builds, info)


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


def _with_configs(facts: Facts, refs: tuple[ArtifactRef, ...], answers: tuple[Any, ...]) -> Facts:
    """Add with which config vars artifacts were built: the last of the answers."""
    found = {ref.id: answers[at - len(refs)] for at, ref in enumerate(refs)}
    return replace(facts, built_with={**facts.built_with, **found})


def _with_app(target: TargetState, app: App | None) -> TargetState:
    if app is None:
        return target
    stacks = frozenset({app.stack, app.build_stack})
    fit = replace(target.fit, stacks=stacks, generation=app.generation)
    return replace(target, fit=fit, info=app)
