"""Log sessions: a signed URL under which an app's log is read."""

from accelerator.localheroku.state.errors import invalid
from accelerator.localheroku.streams.logs import LINES
from accelerator.localheroku.streams.logsessions import Selection, Wish
from accelerator.localheroku.web.calls import Answer, Call, flag, optional_text, whole_number
from accelerator.localheroku.web.constants import short_time

DEFAULT = 100


def create(call: Call) -> Answer:
    """Open a log session; it shows the newest lines and, with `tail`, those that follow."""
    app = call.app
    selection = Selection(
        source=optional_text(call.body, "source"),
        # The Heroku CLI says `dyno`, also for a type; the schema `dyno_name` and `type`.
        dyno=optional_text(call.body, "dyno_name") or optional_text(call.body, "dyno"),
        type=optional_text(call.body, "type"),
    )
    tail = flag(call.body, "tail") if call.body.get("tail") is not None else False
    lines = whole_number(call.body, "lines")
    if lines is not None and lines < 0:
        raise invalid("Param lines must not be negative.")
    session = call.services.log_sessions.open(
        app.id, Wish(DEFAULT if lines is None else min(lines, LINES), tail, selection)
    )
    return Answer(
        {
            "created_at": short_time(session.opened_at),
            "id": session.id,
            "logplex_url": call.services.signer.url("logs", session.id),
            "updated_at": short_time(session.opened_at),
        },
        201,
    )
