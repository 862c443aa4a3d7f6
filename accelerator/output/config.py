"""The settings, their sources and what is wrong with them: document, text, blank document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.foreign import visible
from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, head, render_error

if TYPE_CHECKING:
    from accelerator.models import Endpoint
    from accelerator.settings import Problem, Row, Settings


@dataclass
class Configured:
    """What there is to show. `no_key` says what to do where no key was found."""

    settings: Settings | None = None
    problems: tuple[Problem, ...] = ()
    endpoint: Endpoint | None = None
    key_source: str | None = None
    no_key: str | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return a row for every setting; none before they were looked at."""
        return self.settings.rows(self.problems) if self.settings else ()


def config_document(shown: Configured, outcome: Outcome) -> Document:
    """Render the settings as ``accelerator.config/1``."""
    return {
        **head("config", outcome),
        "settings": [
            {"name": row.name, "value": row.value, "source": row.source, "problem": row.problem}
            for row in shown.rows
        ],
        "problems": [
            {"setting": problem.setting, "message": problem.text} for problem in shown.problems
        ],
        "platform": shown.endpoint.api_url if shown.endpoint else None,
        "key_source": shown.key_source,
        "error": render_error(outcome.error),
    }


def render_config(shown: Configured) -> list[str]:
    """Render the settings as a table: name, value, source; what is wrong stands below it."""
    table = [
        ("setting", "value", "from"),
        *((row.name, visible(row.value), row.source) for row in shown.rows),
    ]
    widths = [max(len(line[column]) for line in table) for column in range(2)]
    lines = [
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}" for name, value, source in table
    ]
    lines += ["", *_render_platform(shown)]
    if shown.problems:
        lines += ["", "Wrong:", *(f"  {visible(problem.text)}" for problem in shown.problems)]
    return lines


def _render_platform(shown: Configured) -> list[str]:
    lines = [f"The platform is {shown.endpoint.api_url}."] if shown.endpoint else []
    if shown.key_source:
        lines.append(f"The API key is from {shown.key_source}.")
    elif shown.no_key:
        lines.append(f"No API key was found: {shown.no_key}.")
    return lines


def blank() -> Document:
    """Return the document of a run that did not begin."""
    return config_document(Configured(), Outcome())
