"""Pipelines, the couplings of apps to their stages, and promotions along them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.errors import NotFound, UsageProblem
from accelerator.heroku.parsing import (
    parse_app,
    parse_coupling,
    parse_list,
    parse_pipeline,
    parse_promotion,
    parse_promotion_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from accelerator.heroku.connection import Connection
    from accelerator.models import App, Coupling, Pipeline, Promotion, PromotionTarget

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class Pipelines:
    """`/pipelines`."""

    _connection: Connection

    def create(self, name: str) -> Pipeline:
        """Create a pipeline; Heroku removes one that stays without apps for an hour."""
        return self._connection.write("POST", ("pipelines",), {"name": name}, parse_pipeline)

    def find(self, name_or_id: str) -> Pipeline | None:
        """Look a pipeline up; names are not unique, so several of one name are an error."""
        if _UUID.fullmatch(name_or_id):
            return self._find_by_id(name_or_id)
        found = self._connection.fetch(
            ("pipelines",), _parse_pipelines, {"eq[name]": name_or_id}, "3.pipelines"
        )
        same = [pipeline for pipeline in found if pipeline.name == name_or_id]
        if len(same) > 1:
            ids = ", ".join(pipeline.id for pipeline in same)
            raise UsageProblem(
                f"{len(same)} pipelines are called {name_or_id}: {ids}",
                "name the pipeline by its id instead",
            )
        return same[0] if same else None

    def _find_by_id(self, pipeline_id: str) -> Pipeline | None:
        try:
            return self._connection.fetch(("pipelines", pipeline_id), parse_pipeline)
        except NotFound:
            return None


@dataclass(frozen=True, repr=False)
class Couplings:
    """`/pipeline-couplings`: which app is at which stage."""

    _connection: Connection

    def find_of_app(self, app: str) -> Coupling | None:
        """Look up the one pipeline an app is in; None too for an app the key cannot see.

        Heroku answers both with 404. That is an error only where Heroku names the app as missing.
        """
        try:
            return self._connection.fetch(("apps", app, "pipeline-couplings"), parse_coupling)
        except NotFound as error:
            if error.resource == "app":
                raise
            return None

    def fetch_of_pipeline(self, pipeline_id: str) -> tuple[Coupling, ...]:
        """Read all couplings of a pipeline."""
        resource = ("pipelines", pipeline_id, "pipeline-couplings")
        return self._connection.fetch_all(resource, parse_coupling)

    def fetch_apps(self, ids: Iterable[str]) -> tuple[App, ...]:
        """Read the apps of some ids in one request: those that the key may see."""
        body = {"in": {"id": list(ids)}}
        if not body["in"]["id"]:
            return ()
        return self._connection.filter_all(("filters", "apps"), body, parse_app)

    def create(self, app_id: str, pipeline_id: str, stage: str) -> Coupling:
        """Put an app into a pipeline."""
        body = {"app": app_id, "pipeline": pipeline_id, "stage": stage}
        return self._connection.write("POST", ("pipeline-couplings",), body, parse_coupling)


@dataclass(frozen=True, repr=False)
class Promotions:
    """`/pipeline-promotions`; Heroku has no list of them."""

    _connection: Connection

    def create(
        self,
        pipeline_id: str,
        source_app_id: str,
        release_id: str,
        target_app_ids: Iterable[str],
        again: Callable[[], object] | None = None,
    ) -> Promotion:
        """Promote exactly that release; the caller compares the answer's `source_release_id`."""
        body = {
            "pipeline": {"id": pipeline_id},
            "source": {"app": {"id": source_app_id}, "release": {"id": release_id}},
            "targets": [{"app": {"id": app_id}} for app_id in target_app_ids],
        }
        resource = ("pipeline-promotions",)
        return self._connection.write("POST", resource, body, parse_promotion, again=again)

    def fetch_targets(self, promotion_id: str) -> tuple[PromotionTarget, ...]:
        """Read how far the promotion is on every target."""
        resource = ("pipeline-promotions", promotion_id, "promotion-targets")
        return self._connection.fetch_all(resource, parse_promotion_target)


def _parse_pipelines(items: Any) -> tuple[Pipeline, ...]:
    return parse_list(items, parse_pipeline)
