"""Decide with what the platform says now: read, compare, join what is being built, look again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from accelerator.models import Commit, Reason, Route
from accelerator.steps.compare.decision import Decision, compare, rests_on_a_build, witness_of
from accelerator.steps.compare.reading import Wanted, confirm, fetch_states, refresh_targets
from accelerator.steps.compare.running_build import join, wait_for_build
from accelerator.steps.follow.builds_and_releases import follow_release
from accelerator.steps.report import SourceReport
from accelerator.steps.route.lost_replies import let_builds_end

if TYPE_CHECKING:
    from accelerator.models import Build
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.order import DeployOrder
    from accelerator.steps.report import Report
    from accelerator.steps.run import Run


@dataclass
class Deciding:
    """The decision of one deploy, and what is remembered from one look to the next.

    ``joined`` are builds that were followed to their end, as they ended: a list that is read right
    after that may still be the old one. A build that took for ever counts as failed. ``is_told``
    says whether a decision was told of yet.
    """

    run: Run
    order: DeployOrder
    report: Report
    joined: dict[str, Build] = field(default_factory=dict)
    is_told: bool = False

    def decide(self, *, for_now: bool = False) -> tuple[Facts, Decision]:
        """Read, compare, and join the build that runs, if one does, until there is a way to go.

        A decision `for_now` may rest on a build's word for what its artifact holds, and saves a
        round trip: `look_again` reads the artifact itself, together with the targets.
        """
        order = self.order
        facts, decision = self._read(for_now=for_now and not order.plan)
        if decision.route is Route.BUILD and order.on_miss == "wait" and not order.plan:
            prepare_apps = tuple(place.app for place in order.places if place.is_prepare)
            if wait_for_build(self.run, order.commit, prepare_apps, order.wait_seconds):
                facts, decision = self._read()
        while decision.building is not None and not order.plan:
            ended = join(self.run, decision.building, facts)
            self.joined[ended.id] = ended
            facts, decision = self._read()
        return facts, decision

    def look_again(
        self, facts: Facts, decision: Decision, cut_short: tuple[str, ...]
    ) -> tuple[Facts, Decision]:
        """Read the targets once more, just before the write, and let what is pending there end.

        Somebody without a lock may have been quicker, or a deploy that was cut short (there) may
        get through after all. Where a build would follow everything is read: it costs minutes.
        """
        for app in cut_short:
            let_builds_end(self.run, app)
        facts = self._settled(refresh_targets(self.run, self.order.commit, facts))
        again = self._named(compare(self.order.commit, facts))
        if again.route in {Route.BUILD, Route.WAIT} or decision.route is Route.BUILD:
            facts, again = self.decide()
        elif not self.is_told or (again.route, again.routes) != (decision.route, decision.routes):
            self._tell(facts, again)
        for target in facts.targets:
            self.report.target(target.app).previous_release = target.current
        return facts, again

    def _read(self, *, for_now: bool = False) -> tuple[Facts, Decision]:
        run, order = self.run, self.order
        wanted = Wanted(
            order.commit, order.places, order.targets, order.build_config, order.read_trees
        )
        title = f"Compare {order.commit.short} with what is prepared"
        with run.events.step("compare", title) as step:
            facts = self._remembering(fetch_states(run, wanted))
            decision = self._named(compare(order.commit, facts))
            if not (for_now and rests_on_a_build(order.commit, facts, decision)):
                facts = confirm(run, order.commit, facts)
                decision = self._named(compare(order.commit, facts))
                for_now = False
            step.detail = explain(decision)
        _record(self.report, order.commit, facts, decision)
        if not for_now:
            self._tell(facts, decision)
        return facts, decision

    def _tell(self, facts: Facts, decision: Decision) -> None:
        """Put a decision into the report, and say what is worth saying about it."""
        report, events = self.report, self.run.events
        _record(report, self.order.commit, facts, decision)
        self.is_told = True
        for line in decision.passed_over:
            events.note(f"passed over: {line}", "detail")
        for warning in decision.warnings:
            events.note(warning, "warning")
        if report.source and report.source.metadata == "disagrees":
            events.note(
                f"HEROKU_SLUG_COMMIT of {report.source.app} names another commit than its release "
                "holds; the release decides (the variable may be stale)",
                "warning",
            )

    def _remembering(self, facts: Facts) -> Facts:
        """Put the builds that were followed in the place of what the lists say of them."""
        sources = tuple(
            replace(source, builds=tuple(self.joined.get(b.id, b) for b in source.builds))
            for source in facts.sources
        )
        return replace(facts, sources=sources)

    def _named(self, decision: Decision) -> Decision:
        """Say where the artifact comes from when it was waited for."""
        left = [build.artifact for build in self.joined.values() if build.status == "succeeded"]
        if decision.candidate is None or decision.route is Route.LIVE:
            return decision
        is_joined = decision.candidate.artifact in left
        return replace(decision, reason=Reason.JOINED_BUILD) if is_joined else decision

    def _settled(self, facts: Facts) -> Facts:
        """Follow releases that are pending on top of a target, and read it again after that."""
        tops = [target.releases[0] for target in facts.targets if target.releases]
        pending = [release for release in tops if release.status == "pending"]
        for release in pending:
            self.run.events.note(f"{release.app_name} v{release.version} is still being released")
            follow_release(self.run, release)
        return refresh_targets(self.run, self.order.commit, facts) if pending else facts


def explain(decision: Decision) -> str:
    """Say a decision in words."""
    held = f" ({decision.candidate.name})" if decision.candidate else ""
    return f"{decision.route}: {decision.reason}{held}"


def _record(report: Report, commit: Commit, facts: Facts, decision: Decision) -> None:
    report.route, report.reason = decision.route, decision.reason
    report.passed_over = list(decision.passed_over)
    report.source = _source_report(facts, decision, commit)
    for target in facts.targets:
        entry = report.target(target.app)
        entry.route, entry.previous_release = decision.routes[target.app], target.current


def _source_report(facts: Facts, decision: Decision, commit: Commit) -> SourceReport | None:
    candidate = decision.candidate
    if candidate is None:
        return None
    artifact = facts.artifacts.get(candidate.artifact.id) or candidate.artifact
    sha = facts.commit_of(candidate.artifact)
    witness = witness_of(decision, Commit(sha) if sha else commit)
    return SourceReport(candidate.source.app, candidate.release, artifact, sha, witness)
