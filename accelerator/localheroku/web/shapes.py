"""Turn state into Heroku's JSON: every property of its schema, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.localheroku.state import apps, releases
from accelerator.localheroku.state.objects import (
    FEATURES,
    IMAGE,
    SLUG,
    Account,
    App,
    Build,
    Coupling,
    Dyno,
    Feature,
    Pipeline,
    ProcessType,
    Promotion,
    Release,
    Slug,
    Target,
)
from accelerator.localheroku.web.constants import (
    ACCOUNT_NOTHING,
    ACCOUNT_SDK,
    IMAGE_NOTHING,
    Shape,
    buildpack,
    long_time,
    named,
    short_time,
)

if TYPE_CHECKING:
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Signer


@dataclass(frozen=True)
class Shapes:
    """Shapes for one request: `is_sdk` says whether it asked for version `3.sdk`."""

    state: State
    signer: Signer
    is_sdk: bool = False

    def account(self, account: Account) -> Shape:
        """Return an account."""
        return {
            **ACCOUNT_NOTHING,
            "allow_tracking": False,
            "beta": False,
            "created_at": short_time(account.created_at),
            "email": account.email,
            "federated": False,
            "id": account.id,
            "name": account.name,
            "two_factor_authentication": account.two_factor_code is not None,
            "updated_at": short_time(account.updated_at),
            "verified": True,
            **(ACCOUNT_SDK if self.is_sdk else {}),
        }

    def app(self, app: App) -> Shape:
        """Return an app."""
        common = self._common_app(app)
        extra = IMAGE_NOTHING if self.is_sdk else {}
        name = app.generation
        generation = name if self.is_sdk else named("generation", name)
        return {**common, "acm": False, "generation": generation, "organization": None, **extra}

    def team_app(self, app: App) -> Shape:
        """Return an app as `/filters/apps` shows it."""
        return {**self._common_app(app), "joined": True, "locked": False, **self._team_sdk(app)}

    def _team_sdk(self, app: App) -> Shape:
        if not self.is_sdk:
            return {}
        return {**IMAGE_NOTHING, "generation": app.generation}

    def _common_app(self, app: App) -> Shape:
        slug = releases.current_slug(self.state, app)
        return {
            "archived_at": short_time(app.archived_at) if app.archived_at else None,
            "buildpack_provided_description": (
                slug.buildpack_provided_description if slug else None
            ),
            "build_stack": named("stack", app.build_stack),
            "created_at": short_time(app.created_at),
            "git_url": f"{self.signer.base_url}/{app.name}.git",
            "id": app.id,
            "internal_routing": None,
            "maintenance": app.maintenance,
            "name": app.name,
            "owner": self.user(app.owner_id),
            "team": None,
            "region": named("region", app.region),
            "released_at": short_time(app.released_at) if app.released_at else None,
            "repo_size": app.repo_size,
            "slug_size": slug.size if slug and slug.kind == SLUG else None,
            "space": {**named("space", app.space), "shield": False} if app.space else None,
            "stack": named("stack", app.stack),
            "updated_at": short_time(app.updated_at),
            "web_url": apps.web_url(app) if app.has_web_url else None,
        }

    def feature(self, feature: Feature) -> Shape:
        """Return a feature of an app."""
        return {
            "created_at": short_time(feature.created_at),
            "description": FEATURES[feature.name],
            "doc_url": "https://devcenter.heroku.com/articles/dyno-metadata"
            if "metadata" in feature.name
            else f"https://devcenter.heroku.com/articles/{feature.name}",
            "enabled": feature.enabled,
            "id": feature.id,
            "name": feature.name,
            "state": "general" if feature.name == "preboot" else "public",
            "updated_at": short_time(feature.updated_at),
            "display_name": feature.name.replace("-", " ").capitalize(),
            "feedback_email": "labs-feedback@heroku.com",
        }

    def process_type(self, app: App, row: ProcessType) -> Shape:
        """Return one row of a formation."""
        return {
            "app": {"id": app.id, "name": app.name},
            "command": row.command,
            "created_at": short_time(row.created_at),
            "dyno_size": named("dyno-size", row.size),
            "id": row.id,
            "quantity": row.quantity,
            "size": row.size,
            "type": row.type,
            "updated_at": short_time(row.updated_at),
        }

    def dyno(self, app: App, dyno: Dyno) -> Shape:
        """Return a dyno."""
        return {
            "attach_url": None,
            "command": dyno.command,
            "created_at": short_time(dyno.created_at),
            "id": dyno.id,
            "name": dyno.name,
            "release": {"id": dyno.release_id, "version": dyno.version},
            "app": {"id": app.id, "name": app.name},
            "size": dyno.size,
            "state": dyno.state,
            "type": dyno.type,
            "updated_at": short_time(dyno.updated_at),
        }

    def build(self, build: Build) -> Shape:
        """Return a build."""
        blob = build.source_blob
        extra: Shape = {"labs": {}} if self.is_sdk else {"generation": build.generation}
        return {
            "app": {"id": build.app_id},
            "buildpacks": [buildpack(each) for each in build.buildpacks] or None,
            "created_at": short_time(build.created_at),
            "id": build.id,
            "output_stream_url": self.signer.url("builds", build.id, lasts_hours=24),
            "source_blob": {
                "checksum": blob.checksum,
                "url": blob.url,
                "version": blob.version,
                "version_description": blob.version_description,
            },
            "release": {"id": build.release_id} if build.release_id else None,
            "slug": self._artifact(build.slug_id, SLUG),
            "stack": build.stack,
            "status": build.status,
            "updated_at": short_time(build.updated_at),
            "user": self.user(build.user_id),
            **extra,
        }

    def slug(self, slug: Slug, method: str = "get") -> Shape:
        """Return a slug with a URL to read it, or to upload it (`put`)."""
        url = self.signer.url("slugs", slug.id, "PUT" if method == "put" else "GET")
        return {
            "blob": {"method": method, "url": url},
            "buildpack_provided_description": slug.buildpack_provided_description,
            "checksum": slug.checksum,
            "commit": slug.commit,
            "commit_description": slug.commit_description,
            "created_at": short_time(slug.created_at),
            "id": slug.id,
            "process_types": dict(slug.process_types),
            "size": slug.size,
            "stack": named("stack", slug.stack),
            "updated_at": short_time(slug.updated_at),
            "deleted_at": short_time(slug.deleted_at) if slug.deleted_at else None,
        }

    def release(self, release: Release) -> Shape:
        """Return a release."""
        app = self.state.apps.get(release.app_id)
        url = self.signer.url("releases", release.id, lasts_hours=24)
        image = self._artifact(release.slug_id, IMAGE)
        extra: Shape = {"oci_image": image} if self.is_sdk else {}
        return {
            "addon_plan_names": [],
            "artifacts": self._artifacts(release.slug_id),
            "app": {"id": app.id, "name": app.name},
            "created_at": short_time(release.created_at),
            "description": release.description,
            "id": release.id,
            "updated_at": short_time(release.updated_at),
            "slug": self._artifact(release.slug_id, SLUG),
            "status": release.status,
            "user": self.user(release.user_id),
            "version": release.version,
            "current": app.current_release_id == release.id,
            "output_stream_url": url if release.has_output else None,
            "eligible_for_rollback": releases.is_eligible_for_rollback(release),
            **extra,
        }

    def pipeline(self, pipeline: Pipeline) -> Shape:
        """Return a pipeline."""
        return {
            "created_at": long_time(pipeline.created_at),
            "id": pipeline.id,
            "name": pipeline.name,
            "owner": {"id": pipeline.owner_id, "type": pipeline.owner_type},
            "updated_at": long_time(pipeline.updated_at),
            "generation": named("generation", pipeline.generation),
        }

    def coupling(self, coupling: Coupling) -> Shape:
        """Return a coupling, with the pipeline's name as Heroku sends it beyond its schema."""
        pipeline = self.state.pipelines.get(coupling.pipeline_id)
        return {
            "app": {"id": coupling.app_id},
            "created_at": long_time(coupling.created_at),
            "id": coupling.id,
            "pipeline": {"id": pipeline.id, "name": pipeline.name},
            "stage": coupling.stage,
            "updated_at": long_time(coupling.updated_at),
        }

    def promotion(self, promotion: Promotion) -> Shape:
        """Return a promotion."""
        return {
            "created_at": long_time(promotion.created_at),
            "id": promotion.id,
            "pipeline": {"id": promotion.pipeline_id},
            "source": {
                "app": {"id": promotion.source_app_id},
                "release": {"id": promotion.source_release_id},
            },
            "status": promotion.status,
            "updated_at": long_time(promotion.updated_at),
        }

    def target(self, target: Target) -> Shape:
        """Return a promotion target; `release` is there as null until it exists."""
        return {
            "app": {"id": target.app_id},
            "error_message": target.error_message,
            "id": target.id,
            "pipeline_promotion": {"id": target.promotion_id},
            "release": {"id": target.release_id} if target.release_id else None,
            "status": target.status,
        }

    def _artifacts(self, id: str | None) -> list[Shape]:
        found = self.state.slugs.find(id)
        return [{"type": found.kind, "id": found.id}] if found else []

    def _artifact(self, id: str | None, kind: str) -> Shape | None:
        found = self.state.slugs.find(id)
        return {"id": found.id} if found and found.kind == kind else None

    def user(self, id: str) -> Shape:
        """Return the `{id, email}` of an account."""
        account = self.state.accounts.get(id)
        return {"id": account.id, "email": account.email}
