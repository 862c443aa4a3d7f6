"""The numbers as Markdown tables, to be pasted into documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench_parts.results import Part, Ratio


def render_markdown(parts: Iterable[Part]) -> str:
    """Write a section for each part: its tables, its ratios, what else was measured."""
    return "\n".join(line for part in parts for line in _section(part))


def _section(part: Part) -> Iterator[str]:
    yield from (f"## {part.title}", "")
    if part.skipped is not None:
        yield from (f"Skipped: {part.skipped}", "")
        return
    for table in part.tables:
        yield from (f"{table.title}:", "", *_table(table.texts()), "")
    if part.ratios:
        rows = [[each.name, f"{each.value:.2f}", _goal(each)] for each in part.ratios]
        yield from (*_table([["ratio", "value", "goal"], *rows]), "")
    if part.series:
        measured = [[each.name, " ".join(each.render().split())] for each in part.series]
        yield from (*_table([["measured", "median (range)"], *measured]), "")


def _table(texts: list[list[str]]) -> Iterator[str]:
    escaped = ([cell.replace("|", "\\|") for cell in cells] for cells in texts)
    head, *rows = (f"| {' | '.join(cells)} |" for cells in escaped)
    yield head
    yield f"|{' --- |' * len(texts[0])}"
    yield from rows


def _goal(ratio: Ratio) -> str:
    if ratio.is_met is None:
        return ""
    goal = f"at least {ratio.at_least:g}" if ratio.at_least else f"at most {ratio.at_most:g}"
    return f"{goal}: {'met' if ratio.is_met else '**not met**'}"
