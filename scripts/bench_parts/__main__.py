"""The command line: which parts, how long, and where the numbers go."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_parts.archives import measure_archives
from bench_parts.hit import measure_hit
from bench_parts.markdown import render_markdown
from bench_parts.monorepo import measure_monorepo
from bench_parts.results import BenchFailed, Part, Size, Skipped
from bench_parts.routes import measure_routes
from bench_parts.serving import measure_serving
from bench_parts.starting import measure_starting

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, Callable[[Size, Path, Path], Part]] = {
    "hit": measure_hit,
    "routes": measure_routes,
    "local": measure_serving,
    "start": measure_starting,
    "archive": measure_archives,
    "monorepo": measure_monorepo,
}


def main() -> int:
    """Run the chosen parts; a goal that is not met is told, not an error."""
    wanted = _arguments()
    parts = []
    try:
        for name in wanted.only or PARTS:
            parts.append(_measure(name, Size(wanted.quick)))
            print(parts[-1].render(), flush=True)
    except BenchFailed as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if _load() > (os.cpu_count() or 1):
        print(
            f"\nThe machine was busy (load {_load():.1f}): other work is in all of these numbers."
        )
    if wanted.json:
        document = json.dumps(_document(wanted.quick, parts), indent=2)
        Path(wanted.json).write_text(document + "\n")
    if wanted.markdown:
        Path(wanted.markdown).write_text(render_markdown(parts))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure the whole process from outside."
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs, a smaller repository")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there as well")
    parser.add_argument("--markdown", metavar="FILE", help="write tables there, for documentation")
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="only this part; may be repeated"
    )
    return parser.parse_args()


def _measure(name: str, size: Size) -> Part:
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        try:
            return PARTS[name](size, Path(directory), ROOT)
        except Skipped as reason:
            return Part(name, name.capitalize(), skipped=str(reason))


def _load() -> float:
    """Give how many processes wanted a processor over the last five minutes."""
    return os.getloadavg()[1]


def _document(quick: bool, parts: list[Part]) -> dict[str, Any]:
    return {
        "schema": "accelerator.bench/1",
        "quick": quick,
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "processors": os.cpu_count(),
            "load": _load(),
            "python": platform.python_version(),
        },
        "parts": [part.document() for part in parts],
    }


if __name__ == "__main__":
    sys.exit(main())
