"""Who calls whom while a command runs: imports do not show calls through closures, frames do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import prepare

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform

# Runs the command with a profiler that notes each call from below into what is above the steps, by
# the nearest frames of ours; the talk goes through the listeners of events, and nothing else does.
TRACED = """
import atexit, json, sys, threading
seen = set()
HIGH = ("accelerator.cli", "accelerator.output", "accelerator.connect", "accelerator.places")
HIGH += ("accelerator.__main__",)

def name_of(frame):
    return frame.f_globals.get("__name__", "")

def is_between(name):
    return name == "accelerator.waiting" or not name.startswith("accelerator")

def watch(frame, event, _):
    if event != "call" or not name_of(frame).startswith(HIGH):
        return
    caller = frame.f_back
    while caller is not None and is_between(name_of(caller)):
        caller = caller.f_back
    if caller is not None and not name_of(caller).startswith(HIGH):
        seen.add((name_of(caller), name_of(frame)))

sys.setprofile(watch)
threading.setprofile(watch)
atexit.register(lambda: open(sys.argv[0] + ".json", "w").write(json.dumps(sorted(seen))))
from accelerator.__main__ import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["deploy", "ship", "prepare", "resume"])
def test_steps_call_nothing_of_what_is_above_them(
    command: str,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    tmp_path: Path,
) -> None:
    prepare(pipeline, repo, run)
    if command == "resume":
        heroku.fault("POST", "^/pipeline-promotions$", kind="reset", occurrences=[1])
        run("deploy", *pipeline.to_staging, "--json").check(9)
    if command == "deploy":
        run("deploy", *pipeline.route, "--json").check(0)
        prepare(pipeline, repo, run, "fails")
    script = tmp_path / "traced.py"
    script.write_text(TRACED, "utf-8")
    smoke = ("--smoke", "/health", "--smoke", "$ true")
    arguments = {
        "deploy": ("deploy", *pipeline.route, "--smoke", "$ false"),
        "ship": ("ship", "--test", "true", *pipeline.route, *smoke),
        "prepare": ("prepare", "--app", pipeline.prepare.name),
        "resume": ("resume", "staging", "--from", pipeline.prepare.name, "--commit", "HEAD"),
    }[command]
    run.program = Path(sys.executable)

    result = run(str(script), *arguments)

    called = {tuple(pair) for pair in json.loads(Path(f"{script}.json").read_text("utf-8"))}
    assert result.exit_code == (7 if command == "deploy" else 0), result.told  # nowhere true
    assert {above for caller, above in called if caller == "accelerator.events"} <= {
        "accelerator.cli.session",  # gives the commands in notes the flags of the run
        "accelerator.output.console",
        "accelerator.output.heartbeat",
        "accelerator.output.outcome",
    }
    assert {pair for pair in called if pair[0] != "accelerator.events"} == set()
