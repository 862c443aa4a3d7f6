"""Apps, config vars, features and buildpacks."""

from typing import TYPE_CHECKING, Any

from accelerator.localheroku.state import access, apps
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import App
from accelerator.localheroku.web.calls import (
    Answer,
    Call,
    Listing,
    by,
    flag,
    objects,
    only,
    optional_text,
    text,
    texts,
)
from accelerator.localheroku.web.constants import installation

if TYPE_CHECKING:
    from accelerator.localheroku.web.ranges import Key

_KEYS = by("id", "name", "updated_at")


async def create(call: Call) -> Answer:
    """Make an app; without a name it gets a random one."""
    region = optional_text(call.body, "region")
    if region not in {None, "us"}:
        raise invalid(f"Region {region} is not available.")
    features = texts(call.body, "feature_flags")
    for name in features:
        apps.check_feature(name)
    app = await call.services.hosting.create_app(
        optional_text(call.body, "name"), optional_text(call.body, "stack"), call.account.id
    )
    for name in features:
        apps.switch_feature(call.state, app, name, True)
    return Answer(call.shapes.app(app), 201)


def info(call: Call) -> Answer:
    """Answer with one app."""
    return Answer(call.shapes.app(call.app))


def listing(call: Call) -> Listing:
    """List the apps of the account."""
    if call.params.get("user", "~") not in {"~", call.account.id, call.account.email}:
        raise missing("user")
    return Listing(access.visible_apps(call.state, call.account), call.shapes.app, _KEYS)


def filtered(call: Call) -> Listing:
    """List the apps whose ids were sent; ids that do not exist are left out."""
    wanted = call.body.get("in")
    ids = wanted.get("id") if isinstance(wanted, dict) else None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise invalid("Param in.id must be an array of ids.")
    found = [app for app in access.visible_apps(call.state, call.account) if app.id in set(ids)]
    return Listing(found, call.shapes.team_app, _KEYS)


async def update(call: Call) -> Answer:
    """Change name, maintenance mode or the stack of future builds."""
    app = call.app
    build_stack = optional_text(call.body, "build_stack")
    if build_stack is not None and app.generation == "fir":
        raise invalid("Apps of generation fir have no stack to choose.")
    stack = apps.check_stack(build_stack) if build_stack is not None else app.build_stack
    maintenance = flag(call.body, "maintenance") if "maintenance" in call.body else None
    name = optional_text(call.body, "name")
    if name is not None:
        await call.services.hosting.rename_app(app, name)
    app.build_stack = stack
    app.maintenance = app.maintenance if maintenance is None else maintenance
    return Answer(call.shapes.app(apps.touch(call.state, app)))


async def destroy(call: Call) -> Answer:
    """Destroy an app and answer with what it was."""
    app = call.app
    shape = call.shapes.app(app)
    await call.services.hosting.delete_app(app)
    return Answer(shape)


def config(call: Call) -> Answer:
    """Answer with the config vars."""
    return Answer(apps.visible_config(call.app))


def change_config(call: Call) -> Answer:
    """Change config vars; null deletes, and a real change makes a release."""
    app = call.app
    call.services.releasing.set_config(app, dict(call.body), call.account.id)
    return Answer(apps.visible_config(app))


def features(call: Call) -> Listing:
    """List the app's features."""
    return Listing(list(call.app.features.values()), call.shapes.feature, by("id", "name"))


def feature(call: Call) -> Answer:
    """Answer with one feature by id or name."""
    return Answer(call.shapes.feature(apps.feature(call.app, call.params["feature"])))


def switch_feature(call: Call) -> Answer:
    """Switch a feature on or off."""
    enabled = flag(call.body, "enabled")
    changed = apps.switch_feature(call.state, call.app, call.params["feature"], enabled)
    return Answer(call.shapes.feature(changed))


def buildpacks(call: Call) -> Listing:
    """List the app's buildpacks in their order; apps of generation fir have none."""
    return _installations(_of_cedar(call.app).buildpacks)


def change_buildpacks(call: Call) -> Listing:
    """Replace the app's buildpacks."""
    app = _of_cedar(call.app)
    chosen = [_buildpack(each) for each in objects(call.body, "updates")]
    app.buildpacks = chosen
    apps.touch(call.state, app)
    return _installations(chosen)


def _of_cedar(app: App) -> App:
    if app.generation == "fir":
        raise invalid("Apps of generation fir have no buildpack installations: use project.toml.")
    return app


def _installations(names: list[str]) -> Listing:
    shapes = [installation(ordinal, name) for ordinal, name in enumerate(names)]
    # They have no id, but heroku3 ranges over `id` whatever it lists.
    keys: dict[str, Key] = dict.fromkeys(("ordinal", "id"), lambda shape: shape["ordinal"])
    return Listing(shapes, dict, keys, "ordinal")


def _buildpack(update: Any) -> str:
    name = text(only(update, "buildpack"), "buildpack")
    if not name.strip():
        raise invalid("Buildpack must not be empty.")
    return name.removeprefix("urn:buildpack:")
