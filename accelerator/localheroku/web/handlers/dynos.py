"""Formation and dynos."""

from collections.abc import Mapping
from typing import Any

from accelerator.localheroku.state import formation
from accelerator.localheroku.state.apps import check_config
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import App, Dyno, ProcessType
from accelerator.localheroku.web.calls import (
    Answer,
    Call,
    Listing,
    by,
    flag,
    objects,
    optional_text,
    text,
    whole_number,
)

_FORMATION_KEYS = by("id", "type")
_DYNO_KEYS = by("id", "name")


def formation_listing(call: Call) -> Listing:
    """List the formation."""
    app = call.app
    rows = list(app.formation.values())
    return Listing(rows, lambda row: call.shapes.process_type(app, row), _FORMATION_KEYS)


def formation_info(call: Call) -> Answer:
    """Answer with one process type."""
    app = call.app
    return Answer(call.shapes.process_type(app, formation.process_type(app, call.params["type"])))


def scale(call: Call) -> Listing:
    """Change several process types at once."""
    app = call.app
    updates = [(text(each, "type"), each) for each in objects(call.body, "updates")]
    rows = _scale(call, app, updates)
    return Listing(rows, lambda row: call.shapes.process_type(app, row), _FORMATION_KEYS)


def scale_one(call: Call) -> Answer:
    """Change one process type."""
    app = call.app
    (row,) = _scale(call, app, [(call.params["type"], call.body)])
    return Answer(call.shapes.process_type(app, row))


def _scale(call: Call, app: App, updates: list[tuple[str, Mapping[str, Any]]]) -> list[ProcessType]:
    before = {row.type: row.size for row in app.formation.values()}
    rows = formation.change_formation(call.state, app, updates)
    for row in rows:
        if row.size != before[row.type]:
            call.services.dynos.restart_type(app, row.type)
    call.services.dynos.scale(app)
    return rows


def listing(call: Call) -> Listing:
    """List the dynos that run or are about to."""
    app = call.app
    dynos = call.state.dynos.of(app.id)
    return Listing(dynos, lambda dyno: call.shapes.dyno(app, dyno), _DYNO_KEYS, "name")


def info(call: Call) -> Answer:
    """Answer with one dyno by id or name."""
    return Answer(call.shapes.dyno(call.app, _dyno(call)))


def restart_all(call: Call) -> Answer:
    """Restart the whole formation."""
    call.services.dynos.restart_type(call.app)
    return Answer({}, 202)


def restart_type(call: Call) -> Answer:
    """Restart all dynos of one type."""
    app = call.app
    formation.process_type(app, call.params["type"])
    call.services.dynos.restart_type(app, call.params["type"])
    return Answer({}, 202)


def restart_or_stop(call: Call) -> Answer:
    """Restart a dyno of the formation, or stop a one-off one: Heroku's `stop` does the same."""
    app = call.app
    call.services.dynos.restart(app, _dyno(call).name)
    return Answer({}, 202)


def run(call: Call) -> Answer:
    """Start a one-off dyno; attaching to it is not supported."""
    app = call.app
    command = text(call.body, "command")
    if call.body.get("attach") is not None and flag(call.body, "attach"):
        raise invalid("Attached one-off dynos are not supported here: use attach=false.")
    whole_number(call.body, "time_to_live")
    size = formation.check_size(optional_text(call.body, "size"))
    environment = call.body.get("env") or {}
    if not isinstance(environment, dict):
        raise invalid("Param env must be an object.")
    check_config(environment)
    variables = {key: value for key, value in environment.items() if value is not None}
    kind = optional_text(call.body, "type") or "run"
    dyno = call.services.dynos.run(app, command, variables, kind)
    if dyno is None:
        raise invalid(f"App {app.name} has no code to run yet.")
    dyno.size = size or dyno.size
    call.state.dynos.save(dyno)
    return Answer(call.shapes.dyno(app, dyno), 201)


def _dyno(call: Call) -> Dyno:
    for dyno in call.state.dynos.of(call.app.id):
        if call.params["dyno"] in {dyno.id, dyno.name}:
            return dyno
    raise missing("dyno")
