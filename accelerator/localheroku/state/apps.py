"""Rules for apps, their config vars, features and buildpacks."""

import re
from collections.abc import Mapping

from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.names import fixed_id, random_name
from accelerator.localheroku.state.objects import (
    DEFAULT_STACK,
    FEATURES,
    FIR_STACK,
    GENERATIONS,
    STACKS,
    App,
    Feature,
)
from accelerator.localheroku.state.store import State, new_id

_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
_KEY = re.compile(r"\w+", re.ASCII)


def check_name(state: State, name: str) -> str:
    """Return `name` if a new app may have it."""
    if len(name) < 3:
        raise invalid("Name is too short (minimum is 3 characters)")
    if len(name) > 30:
        raise invalid("Name is too long (maximum is 30 characters)")
    if not _NAME.fullmatch(name):
        raise invalid(
            "Name must start with a letter, end with a letter or digit and can only contain "
            "lowercase letters, digits, and dashes."
        )
    if state.find_app(name) is not None:
        raise invalid(f"Name {name} is already taken")
    return name


def check_stack(stack: str) -> str:
    """Return the name of a stack given by name or id; `cedar` is what heroku3 says for any."""
    if stack == "cedar":
        return DEFAULT_STACK
    for known in STACKS:
        if stack in {known, fixed_id("stack", known)}:
            return known
    raise invalid(f"Stack {stack} is not available")


def create_app(
    state: State, name: str | None = None, stack: str | None = None, owner_id: str = ""
) -> App:
    """Make an app; its first releases are made by the caller."""
    chosen = check_name(state, name) if name is not None else _free_name(state)
    runs_on = check_stack(stack) if stack is not None else DEFAULT_STACK
    now = state.clock.now()
    app = App(
        id=new_id(),
        name=chosen,
        owner_id=owner_id or state.account.id,
        stack=runs_on,
        build_stack=runs_on,
        region="us",
        created_at=now,
        updated_at=now,
    )
    app.features = {each: Feature(new_id(), each, False, now, now) for each in FEATURES}
    return state.apps.save(app)


def _free_name(state: State) -> str:
    while state.find_app(name := random_name()) is not None:
        pass
    return name


def set_generation(state: State, app: App, generation: str) -> App:
    """Give an app without code and pipeline another generation."""
    if generation not in GENERATIONS:
        raise invalid(f"Generation must be one of {', '.join(GENERATIONS)}")
    has_code = any(release.slug_id is not None for release in state.releases.of(app.id))
    is_coupled = any(each.app_id == app.id for each in state.couplings)
    if has_code or is_coupled or state.builds.of(app.id):
        raise invalid("Only an app without builds, releases of code and pipeline can change.")
    app.generation = generation
    app.stack = app.build_stack = FIR_STACK if generation == "fir" else DEFAULT_STACK
    return touch(state, app)


def set_space(state: State, app: App, space: str | None) -> App:
    """Put an app into the private space of this name, or with null into none."""
    app.space = space
    return touch(state, app)


def set_web_url(state: State, app: App, is_there: bool) -> App:
    """Let an app have an address of its own in answers, or none; it listens all the same."""
    app.has_web_url = is_there
    return touch(state, app)


def delete_app(state: State, app: App) -> None:
    """Forget an app and everything that belongs to it alone; its slugs stay for other apps."""
    state.builds.drop_all(state.builds.of(app.id))
    state.releases.drop_all(state.releases.of(app.id))
    state.dynos.drop_all(state.dynos.of(app.id))
    state.couplings.drop_all(one for one in state.couplings if one.app_id == app.id)
    state.collaborators.drop_all(state.collaborators.of(app.id))
    state.apps.drop(app)


def touch(state: State, app: App) -> App:
    """Save an app that has just been changed."""
    app.updated_at = state.clock.now()
    return state.apps.save(app)


def change_config(state: State, app: App, changes: Mapping[str, object]) -> list[str]:
    """Apply config changes and return the keys that really changed; null deletes."""
    check_config(changes)
    before = visible_config(app)
    changed = [key for key, value in changes.items() if before.get(key) != value]
    for key in changed:
        app.config.pop(key, None)
        app.metadata.pop(key, None)
        value = changes[key]
        if isinstance(value, str):
            app.config[key] = value
    if changed:
        touch(state, app)
    return changed


def check_config(changes: Mapping[str, object]) -> None:
    """Refuse keys and values that config vars cannot have."""
    for key, value in changes.items():
        if not _KEY.fullmatch(key):
            raise invalid(
                f"Config var key {key!r} is invalid: it may only contain letters, digits and _"
            )
        if not isinstance(value, str | None):
            raise invalid(f"Config var {key} must be a string or null")


def web_url(app: App) -> str:
    """Return where the app itself answers."""
    return f"http://127.0.0.1:{app.web_port}/"


def visible_config(app: App) -> dict[str, str]:
    """Return config vars as the API shows them: with the dyno metadata, stale or not."""
    return {**app.metadata, **app.config}


def feature(app: App, identity: str) -> Feature:
    """Return a feature of the app by id or name."""
    for each in app.features.values():
        if identity in {each.id, each.name}:
            return each
    raise missing("app_feature")


def check_feature(name: str) -> None:
    """Refuse a feature that apps do not have."""
    if name not in FEATURES:
        raise invalid(f"There is no app feature {name}.")


def switch_feature(state: State, app: App, identity: str, enabled: bool) -> Feature:
    """Switch a feature; what it adds to config vars waits for the next release."""
    chosen = feature(app, identity)
    chosen.enabled = enabled
    chosen.updated_at = state.clock.now()
    state.apps.save(app)
    return chosen
