"""The one table of everything the API answers."""

from dataclasses import dataclass

from accelerator.localheroku.web.admission import Needs, Terms
from accelerator.localheroku.web.calls import Handler
from accelerator.localheroku.web.handlers import (
    accounts,
    apps,
    authorizations,
    builds,
    catalog,
    collaborators,
    dynos,
    images,
    logs,
    pipelines,
    promotions,
    releases,
)


@dataclass(frozen=True)
class Route:
    """A method and a path with `{placeholders}`."""

    method: str
    path: str
    handler: Handler
    is_free: bool = False
    needs: Needs = "app"
    # Any one of these permissions on the app; none means `view` to read, `manage` to write.
    any_of: tuple[str, ...] = ()
    asks_factor: bool = True

    @property
    def is_write(self) -> bool:
        """True when a request changes anything."""
        return self.method not in {"GET", "HEAD"} and self.path != "/filters/apps"

    @property
    def terms(self) -> Terms:
        """Return what it asks of whoever calls it."""
        return Terms(self.needs, self.is_write, self.is_free)

    @property
    def permissions(self) -> tuple[str, ...]:
        """Return the permissions of which one is enough."""
        return self.any_of or (("manage",) if self.is_write else ("view",))


_DEPLOY = ("deploy",)
_OPERATE = ("operate",)
_EITHER = ("deploy", "operate")


ROUTES = (
    Route("GET", "/account", accounts.info, needs="identity", asks_factor=False),
    Route(
        "GET",
        "/account/rate-limits",
        accounts.rate_limits,
        is_free=True,
        needs="any",
        asks_factor=False,
    ),
    Route("GET", "/account/features", accounts.features, needs="any"),
    Route("GET", "/account/features/{feature}", accounts.feature, needs="any"),
    Route("PATCH", "/account/features/{feature}", accounts.feature, needs="any"),
    Route("GET", "/users/{user}", accounts.info, needs="identity"),
    Route("GET", "/users/{user}/apps", apps.listing),
    Route("GET", "/users/~/pipeline-couplings", pipelines.couplings),
    Route("GET", "/stacks", accounts.stacks, needs="any"),
    Route("GET", "/stacks/{stack}", accounts.stack_info, needs="any"),
    Route("POST", "/apps", apps.create),
    Route("GET", "/apps", apps.listing),
    Route("GET", "/apps/{app}", apps.info),
    Route("PUT", "/apps/{app}/pre-authorizations", accounts.pre_authorize, any_of=("view",)),
    Route("PATCH", "/apps/{app}", apps.update, any_of=_OPERATE),
    Route("DELETE", "/apps/{app}", apps.destroy),
    Route("POST", "/filters/apps", apps.filtered),
    Route("GET", "/apps/{app}/config-vars", apps.config, needs="protected", any_of=_EITHER),
    Route(
        "PATCH", "/apps/{app}/config-vars", apps.change_config, needs="protected", any_of=_EITHER
    ),
    Route("GET", "/apps/{app}/features", apps.features),
    Route("GET", "/apps/{app}/features/{feature}", apps.feature),
    Route("PATCH", "/apps/{app}/features/{feature}", apps.switch_feature),
    Route("GET", "/apps/{app}/buildpack-installations", apps.buildpacks),
    Route("PUT", "/apps/{app}/buildpack-installations", apps.change_buildpacks),
    Route("GET", "/apps/{app}/formation", dynos.formation_listing),
    Route("PATCH", "/apps/{app}/formation", dynos.scale, any_of=_OPERATE),
    Route("GET", "/apps/{app}/formation/{type}", dynos.formation_info),
    Route("PATCH", "/apps/{app}/formation/{type}", dynos.scale_one, any_of=_OPERATE),
    Route("DELETE", "/apps/{app}/formations/{type}", dynos.restart_type, any_of=_OPERATE),
    Route(
        "POST", "/apps/{app}/formations/{type}/actions/stop", dynos.restart_type, any_of=_OPERATE
    ),
    Route("GET", "/apps/{app}/dynos", dynos.listing),
    Route("POST", "/apps/{app}/dynos", dynos.run, needs="protected", any_of=_EITHER),
    Route("DELETE", "/apps/{app}/dynos", dynos.restart_all, any_of=_OPERATE),
    Route("GET", "/apps/{app}/dynos/{dyno}", dynos.info),
    Route("DELETE", "/apps/{app}/dynos/{dyno}", dynos.restart_or_stop, any_of=_OPERATE),
    Route("POST", "/apps/{app}/dynos/{dyno}/actions/stop", dynos.restart_or_stop, any_of=_OPERATE),
    Route("POST", "/sources", builds.create_source, any_of=_DEPLOY),
    Route("POST", "/apps/{app}/sources", builds.create_source, any_of=_DEPLOY),
    Route("POST", "/apps/{app}/builds", builds.create, any_of=_DEPLOY),
    Route("GET", "/apps/{app}/builds", builds.listing),
    Route("GET", "/apps/{app}/builds/{build}", builds.info),
    Route("DELETE", "/apps/{app}/builds/{build}", builds.cancel, any_of=_DEPLOY),
    Route("DELETE", "/apps/{app}/build-cache", builds.clear_cache, any_of=_DEPLOY),
    Route("POST", "/apps/{app}/slugs", builds.create_slug, any_of=_DEPLOY),
    Route("GET", "/apps/{app}/slugs/{slug}", builds.slug),
    Route("POST", "/apps/{app}/oci-images", images.create, any_of=_DEPLOY),
    Route("GET", "/apps/{app}/oci-images/{image}", images.info),
    Route("GET", "/apps/{app}/releases", releases.listing),
    Route("POST", "/apps/{app}/releases", releases.create, any_of=_EITHER),
    Route("GET", "/apps/{app}/releases/{release}", releases.info),
    Route(
        "GET",
        "/apps/{app}/releases/{release}/config-vars",
        releases.config,
        needs="protected",
        any_of=_EITHER,
    ),
    Route("GET", "/users/{user}/addons", catalog.nothing),
    Route("GET", "/addons", catalog.nothing),
    Route("GET", "/addon-attachments", catalog.nothing),
    Route("GET", "/addon-services", catalog.nothing, needs="any"),
    Route("GET", "/teams", catalog.nothing, needs="any"),
    Route("GET", "/enterprise-accounts", catalog.nothing, needs="any"),
    Route("GET", "/spaces", catalog.nothing),
    Route("GET", "/oauth/clients", catalog.nothing, needs="global"),
    Route("GET", "/account/credits", catalog.nothing, needs="global"),
    Route("GET", "/account/invoices", catalog.nothing, needs="global"),
    Route("GET", "/account/app-transfers", catalog.nothing),
    Route("GET", "/account/keys", catalog.nothing, needs="identity"),
    Route("GET", "/regions", catalog.regions, needs="any"),
    Route("GET", "/regions/{region}", catalog.region_info, needs="any"),
    Route("GET", "/oauth/authorizations", authorizations.listing, needs="global"),
    Route("POST", "/oauth/authorizations", authorizations.create, needs="global"),
    Route("GET", "/oauth/authorizations/{authorization}", authorizations.info, needs="global"),
    Route("PATCH", "/oauth/authorizations/{authorization}", authorizations.update, needs="global"),
    Route(
        "DELETE", "/oauth/authorizations/{authorization}", authorizations.destroy, needs="global"
    ),
    Route(
        "POST",
        "/oauth/authorizations/{authorization}/actions/regenerate-tokens",
        authorizations.regenerate,
        needs="global",
    ),
    Route("GET", "/apps/{app}/addons", catalog.nothing),
    Route("GET", "/apps/{app}/addon-attachments", catalog.nothing),
    Route("GET", "/apps/{app}/domains", catalog.nothing),
    Route("GET", "/apps/{app}/log-drains", catalog.nothing),
    Route("GET", "/apps/{app}/sni-endpoints", catalog.nothing),
    Route("GET", "/apps/{app}/telemetry-drains", catalog.nothing),
    Route("GET", "/apps/{app}/webhooks", catalog.nothing),
    Route("GET", "/apps/{app}/webhook-deliveries", catalog.nothing),
    Route("GET", "/apps/{app}/webhook-events", catalog.nothing),
    Route("GET", "/apps/{app}/collaborators", collaborators.listing),
    Route("POST", "/apps/{app}/collaborators", collaborators.create),
    Route("GET", "/apps/{app}/collaborators/{collaborator}", collaborators.info),
    Route("DELETE", "/apps/{app}/collaborators/{collaborator}", collaborators.destroy),
    Route("POST", "/apps/{app}/log-sessions", logs.create, any_of=("view",)),
    Route("POST", "/pipelines", pipelines.create),
    Route("GET", "/pipelines", pipelines.listing),
    Route("GET", "/pipelines/{pipeline}", pipelines.info),
    Route("PATCH", "/pipelines/{pipeline}", pipelines.update),
    Route("DELETE", "/pipelines/{pipeline}", pipelines.destroy),
    Route("GET", "/pipelines/{pipeline}/latest-releases", pipelines.latest_releases),
    Route("GET", "/pipelines/{pipeline}/latest-deployments", pipelines.latest_deployments),
    Route("GET", "/pipelines/{pipeline}/latest-builds", pipelines.latest_builds),
    Route("GET", "/pipelines/{pipeline}/pipeline-couplings", pipelines.couplings),
    Route("GET", "/apps/{app}/pipeline-couplings", pipelines.coupling_of_app),
    Route("POST", "/pipeline-couplings", pipelines.couple),
    Route("GET", "/pipeline-couplings", pipelines.couplings),
    Route("GET", "/pipeline-couplings/{coupling}", pipelines.coupling),
    Route("PATCH", "/pipeline-couplings/{coupling}", pipelines.move_coupling),
    Route("DELETE", "/pipeline-couplings/{coupling}", pipelines.uncouple),
    Route("POST", "/pipeline-promotions", promotions.promote),
    Route("GET", "/pipeline-promotions/{promotion}", promotions.info),
    Route("GET", "/pipeline-promotions/{promotion}/promotion-targets", promotions.targets),
)


class RouteTable:
    """Find the route of a request; literal segments win over placeholders."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in sorted(routes, key=lambda each: each.path.count("{")):
            segments = route.path.strip("/").split("/")
            self._routes.setdefault((route.method, len(segments)), []).append((segments, route))

    def find(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]] | None:
        """Return the route for a method and decoded path segments, with its parameters."""
        for wanted, route in self._routes.get((method, len(segments)), ()):
            params = _match(wanted, segments)
            if params is not None:
                return route, params
        return None


def _match(wanted: list[str], segments: list[str]) -> dict[str, str] | None:
    params = {}
    for pattern, segment in zip(wanted, segments, strict=True):
        if pattern.startswith("{"):
            params[pattern[1:-1]] = segment
        elif pattern != segment:
            return None
    return params
