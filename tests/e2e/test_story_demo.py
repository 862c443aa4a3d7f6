"""The demo: the whole story on a platform of its own, with the sample or one's own repository."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.commands import Command
from tests.e2e.documents import check_document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.sample import Repository


CALLERS = "HRKU-of-the-caller-and-nobody-elses"


@pytest.fixture
def told(run: Command) -> Command:
    """The command where no platform is configured: the demo brings its own."""
    kept = {k: v for k, v in run.environment.items() if not k.startswith(("HEROKU", "ACCEL"))}
    return Command(run.program, run.directory, kept, run.secrets)


def check_story(document: dict[str, Any]) -> None:
    """Assert a miss that was built, then a hit that was promoted, and the comparison."""
    assert (document["ok"], document["exit_code"], document["error"]) == (True, 0, None)
    first, second = document["first"], document["second"]
    check_document(first, "deploy", 0)
    check_document(second, "ship", 0)
    assert (first["route"], first["reason"]) == ("build", "nothing_prepared")
    assert [stage["route"] for stage in second["stages"]] == ["promote", "promote"]
    prepared = second["prepared"]["artifact"]["id"]
    shipped = [target for stage in second["stages"] for target in stage["targets"]]
    assert [target["artifact"]["id"] for target in shipped] == [prepared, prepared]
    assert second["commit"] == document["commits"]["second"]
    assert document["prepared_and_promoted"]["production"] > 0
    assert document["built_at_every_stage"]["production"] > 0


@pytest.mark.slow
def test_the_demo_tells_the_whole_story_of_the_sample(told: Command) -> None:
    result = told("demo", "--json", "--build-seconds", "1", "--test-seconds", "1")

    assert result.exit_code == 0, result.told
    check_story(result.document)
    assert result.document["second"]["tests"] == "passed"
    assert result.document["ran_at_once"] is True
    prepared, built = (
        result.document[way] for way in ("prepared_and_promoted", "built_at_every_stage")
    )
    for lap in (prepared, built):
        assert 1 <= lap["tests"] <= lap["staging"] <= lap["production"]
    assert built["production"] >= 3  # the tests, and two builds


@pytest.mark.slow
def test_the_demo_ships_ones_own_repository_and_hands_nobody_the_callers_key(
    told: Command, repo: Repository, tmp_path: Path
) -> None:
    head = repo.commit()
    seen = tmp_path / "seen"
    seen.mkdir()
    look = f"env > {seen}/$$"
    told.keep_secret(CALLERS)
    theirs = {"HEROKU_API_KEY": CALLERS, "HEROKU_HOST": "https://api.heroku.com", "COPY": CALLERS}
    set_up = {"ACCELERATOR_KEY_ENV": "OWN_KEY", "OWN_KEY": CALLERS, "ACCELERATOR_LOCK": "nonsense"}
    how = ("--repo", str(repo.directory), "--test", look, "--json")
    smoke = ("--smoke", "/health {commit}", "--smoke", f"$ {look}")

    result = told("demo", *how, *smoke, env={**theirs, **set_up})

    assert result.exit_code == 0, result.told
    check_story(result.document)
    environments = [each.read_text() for each in seen.iterdir()]
    assert result.document["build_seconds_added"] == 0
    assert result.document["ran_at_once"] is False
    assert len(environments) == 8  # of the tests, twice; of the checks of six releases
    for environment in environments:
        assert "PATH=" in environment
        assert not any(word in environment for word in (CALLERS, "API_KEY", "ACCELERATOR_"))
    assert repo.git("rev-parse", "HEAD") == head
    assert repo.git("status", "--porcelain") == ""


def test_a_repository_that_says_not_how_it_runs_is_refused(told: Command, repo: Repository) -> None:
    (repo.directory / "Procfile").unlink()
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", "Without a Procfile")

    result = told("demo", "--repo", str(repo.directory), "--json")

    assert result.exit_code == 2
    assert "Procfile" in result.document["error"]["message"]


def test_a_slip_in_a_smoke_check_is_told_before_anything_is_made(told: Command) -> None:
    result = told("demo", "--smoke", "/health {comit}")

    result.check_exit(2)
    assert "flag --smoke: the smoke check '/health {comit}' looks for {comit}" in result.stderr
    assert "did you mean {commit}?" in result.stderr
    assert "==>" not in result.stderr


def test_seconds_for_the_tests_are_those_of_the_sample_only(told: Command) -> None:
    result = told("demo", "--test", "pytest -q", "--test-seconds", "3", "--json")

    assert result.exit_code == 2
    assert "--test-seconds" in result.document["error"]["message"]


@pytest.mark.slow
def test_failing_tests_end_the_demo_with_what_they_said(told: Command, repo: Repository) -> None:
    repo.commit()
    tests = "echo 3 failed, 5 passed; exit 1"

    result = told("demo", "--repo", str(repo.directory), "--test", tests, "-q", "--json")

    assert (result.exit_code, result.document["error"]["code"]) == (1, "demo_failed")
    assert "3 failed, 5 passed" in result.told


@pytest.mark.slow
@pytest.mark.parametrize("until", ["First commit:", "Second commit"])
def test_a_stopped_demo_leaves_nothing_and_says_so_in_one_line(
    told: Command, tmp_path: Path, until: str
) -> None:
    environment = {**told.environment, "TMPDIR": str(tmp_path)}
    command = [str(told.program), "demo", "--build-seconds", "6"]

    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if until in line:
                break
        demo.send_signal(signal.SIGINT)
        last = demo.stderr.read().splitlines()

    assert demo.returncode == 130
    assert last[-1] == "error: interrupted"
    assert not [line for line in last if "Traceback" in line or "hint:" in line]
    assert [path for path in tmp_path.iterdir() if path.name.startswith("accelerator-demo")] == []


@pytest.mark.slow
def test_kept_sites_are_named_before_the_wait_and_answer_to_the_lines_that_are_printed(
    told: Command, tmp_path: Path
) -> None:
    command = [str(told.program), "demo", "--keep", "--build-seconds", "0", "--test-seconds", "0"]
    environment = {**told.environment, "TMPDIR": str(tmp_path)}

    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "--to staging" in line and "deploy" in lines[-1] + lines[-2]:
                break
        at = next(at for at, line in enumerate(lines) if line.startswith("  cd "))
        typed = subprocess.run(
            ["sh", "-e"],
            input="".join(lines[at:]),
            env=told.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()

    assert typed.returncode == 0, typed.stderr
    assert "promoted from guestbook-prepare" in typed.stdout
    assert "The demo made" not in "".join(lines)
    assert (demo.returncode, rest) == (0, "")
    assert list(tmp_path.glob("accelerator-demo*")) == []
