"""The settings and where they come from: document, text, blank document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.foreign import visible
from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, head, render_error

if TYPE_CHECKING:
    from accelerator.settings import Row


def config_document(rows: tuple[Row, ...], outcome: Outcome) -> Document:
    """Render the settings as ``accelerator.config/1``."""
    return {
        **head("config", outcome),
        "settings": [{"name": row.name, "value": row.value, "source": row.source} for row in rows],
        "error": render_error(outcome.error),
    }


def render_config(rows: tuple[Row, ...], api_url: str) -> list[str]:
    """Render the settings as a table: name, value, source."""
    table = [
        ("setting", "value", "from"),
        *((row.name, visible(row.value), row.source) for row in rows),
    ]
    widths = [max(len(line[column]) for line in table) for column in range(2)]
    lines = [
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}" for name, value, source in table
    ]
    return [*lines, "", f"The platform is {api_url}."]


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return config_document((), Outcome())
