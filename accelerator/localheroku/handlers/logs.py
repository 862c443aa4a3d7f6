"""Log sessions: a signed URL under which an app's log is read."""

from typing import Any

from accelerator.localheroku.calls import Answer, Call, flag, optional_text
from accelerator.localheroku.constants import short_time
from accelerator.localheroku.logs import LINES
from accelerator.localheroku.logsessions import Selection, Wish
from accelerator.localheroku.state.errors import invalid


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
    lines = _lines(call.body.get("lines"))
    session = call.engine.log_sessions.open(app.id, Wish(lines, tail, selection))
    return Answer(
        {
            "created_at": short_time(session.opened_at),
            "id": session.id,
            "logplex_url": call.engine.signer.url("logs", session.id),
            "updated_at": short_time(session.opened_at),
        },
        201,
    )


def _lines(given: Any) -> int:
    """Read how many lines are wanted, which heroku3 may send as a string."""
    if given is None:
        return 100
    text = given if isinstance(given, str) else str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise invalid("Param lines must be a number of lines.")
    return min(int(text), LINES)
