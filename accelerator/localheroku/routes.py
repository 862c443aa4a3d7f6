"""The one table of everything the API answers."""

from dataclasses import dataclass

from accelerator.localheroku.calls import Handler
from accelerator.localheroku.handlers import accounts, apps, builds, dynos, pipelines, releases


@dataclass(frozen=True)
class Route:
    """A method and a path with `{placeholders}`."""

    method: str
    path: str
    handler: Handler
    is_free: bool = False


ROUTES = (
    Route("GET", "/account", accounts.info),
    Route("GET", "/account/rate-limits", accounts.rate_limits, is_free=True),
    Route("GET", "/account/features", accounts.features),
    Route("GET", "/account/features/{feature}", accounts.feature),
    Route("PATCH", "/account/features/{feature}", accounts.feature),
    Route("GET", "/users/{user}", accounts.info),
    Route("GET", "/users/{user}/apps", apps.listing),
    Route("GET", "/users/~/pipeline-couplings", pipelines.couplings),
    Route("GET", "/stacks", accounts.stacks),
    Route("GET", "/stacks/{stack}", accounts.stack_info),
    Route("POST", "/apps", apps.create),
    Route("GET", "/apps", apps.listing),
    Route("GET", "/apps/{app}", apps.info),
    Route("PATCH", "/apps/{app}", apps.update),
    Route("DELETE", "/apps/{app}", apps.destroy),
    Route("POST", "/filters/apps", apps.filtered),
    Route("GET", "/apps/{app}/config-vars", apps.config),
    Route("PATCH", "/apps/{app}/config-vars", apps.change_config),
    Route("GET", "/apps/{app}/features", apps.features),
    Route("GET", "/apps/{app}/features/{feature}", apps.feature),
    Route("PATCH", "/apps/{app}/features/{feature}", apps.switch_feature),
    Route("GET", "/apps/{app}/buildpack-installations", apps.buildpacks),
    Route("PUT", "/apps/{app}/buildpack-installations", apps.change_buildpacks),
    Route("GET", "/apps/{app}/formation", dynos.formation_listing),
    Route("PATCH", "/apps/{app}/formation", dynos.scale),
    Route("GET", "/apps/{app}/formation/{type}", dynos.formation_info),
    Route("PATCH", "/apps/{app}/formation/{type}", dynos.scale_one),
    Route("DELETE", "/apps/{app}/formations/{type}", dynos.restart_type),
    Route("POST", "/apps/{app}/formations/{type}/actions/stop", dynos.restart_type),
    Route("GET", "/apps/{app}/dynos", dynos.listing),
    Route("POST", "/apps/{app}/dynos", dynos.run),
    Route("DELETE", "/apps/{app}/dynos", dynos.restart_all),
    Route("GET", "/apps/{app}/dynos/{dyno}", dynos.info),
    Route("DELETE", "/apps/{app}/dynos/{dyno}", dynos.restart_or_stop),
    Route("POST", "/apps/{app}/dynos/{dyno}/actions/stop", dynos.restart_or_stop),
    Route("POST", "/sources", builds.create_source),
    Route("POST", "/apps/{app}/sources", builds.create_source),
    Route("POST", "/apps/{app}/builds", builds.create),
    Route("GET", "/apps/{app}/builds", builds.listing),
    Route("GET", "/apps/{app}/builds/{build}", builds.info),
    Route("DELETE", "/apps/{app}/builds/{build}", builds.cancel),
    Route("DELETE", "/apps/{app}/build-cache", builds.clear_cache),
    Route("POST", "/apps/{app}/slugs", builds.create_slug),
    Route("GET", "/apps/{app}/slugs/{slug}", builds.slug),
    Route("GET", "/apps/{app}/releases", releases.listing),
    Route("POST", "/apps/{app}/releases", releases.create),
    Route("GET", "/apps/{app}/releases/{release}", releases.info),
    Route("GET", "/apps/{app}/releases/{release}/config-vars", releases.config),
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
    Route("POST", "/pipeline-promotions", pipelines.promote),
    Route("GET", "/pipeline-promotions/{promotion}", pipelines.promotion),
    Route("GET", "/pipeline-promotions/{promotion}/promotion-targets", pipelines.targets),
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
