"""Rules for the formation: which process types an app has and how many of each run."""

import re
from collections.abc import Mapping

from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import App, ProcessType, Slug
from accelerator.localheroku.state.store import State, new_id

SIZES = ("Eco", "Basic", "Standard-1X", "Standard-2X", "Performance-M", "Performance-L")
_QUANTITY = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_MOST = 100


def follow_slug(state: State, app: App, slug: Slug) -> None:
    """Give the app the slug's process types: `web` starts with one dyno, others with none."""
    is_first = not app.formation
    for gone in set(app.formation) - set(slug.process_types):
        del app.formation[gone]
    now = state.clock.now()
    for name, command in slug.process_types.items():
        known = app.formation.get(name)
        if known is not None:
            known.command = command
            continue
        quantity = 1 if is_first and name == "web" else 0
        size = next((row.size for row in app.formation.values()), "Basic")
        app.formation[name] = ProcessType(new_id(), name, command, quantity, size, now, now)


def process_type(app: App, identity: str) -> ProcessType:
    """Return a process type by name or id."""
    for row in app.formation.values():
        if identity in {row.type, row.id}:
            return row
    raise missing("formation")


def change_formation(
    state: State, app: App, updates: list[tuple[str, Mapping[str, object]]]
) -> list[ProcessType]:
    """Apply updates to several process types, all or none."""
    wanted = [(process_type(app, name), change) for name, change in updates]
    checked = [
        (row, _quantity(row, change.get("quantity")), _size(row, change)) for row, change in wanted
    ]
    for row, quantity, size in checked:
        row.quantity, row.size = quantity, size
        row.updated_at = state.clock.now()
    state.apps.save(app)
    return [row for row, _, _ in checked]


def _quantity(row: ProcessType, given: object) -> int:
    if given is None:
        return row.quantity
    text = str(given)
    if isinstance(given, bool) or not _QUANTITY.fullmatch(text):
        raise invalid(f"Quantity {given!r} is not a number of dynos")
    is_relative = isinstance(given, str) and text[0] in "+-"
    number = row.quantity + int(text) if is_relative else int(text)
    if not 0 <= number <= _MOST:
        raise invalid(f"Quantity of {row.type} must be between 0 and {_MOST}")
    return number


def _size(row: ProcessType, change: Mapping[str, object]) -> str:
    given = change.get("size")
    nested = change.get("dyno_size")
    if isinstance(nested, Mapping):
        given = nested.get("name", given)
    elif nested is not None:
        given = nested
    return check_size(given) or row.size


def check_size(given: object) -> str | None:
    """Return a dyno size as Heroku writes it; nothing when none is given."""
    if given is None:
        return None
    for size in SIZES:
        if str(given).lower() == size.lower():
            return size
    raise invalid(f"No such size as {given}.")
