"""A small stress run, to its proof: `scripts/stress` itself is for minutes and many commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.slow
def test_four_commits_come_through_faults_and_kills(tmp_path: Path) -> None:
    to = tmp_path / "numbers.json"
    options = ("--commits", "4", "--seed", "5", "--kills", "0.5", "--scale", "0.5")
    command = [sys.executable, "-m", "stress_parts", *options, "--only", "disturbed"]

    done = subprocess.run(
        [*command, "--json", str(to)],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads(to.read_text())
    way = numbers["ways"]["disturbed"]
    assert numbers["violations"] == 0
    assert way["killed"] > 0
    assert way["faults"] > 0
    assert way["commits"] == 4
    assert way["releases"] >= 2
    assert "0 violations, seed 5" in done.stdout


@pytest.mark.slow
def test_what_herokus_git_does_not_hold_is_counted_apart(tmp_path: Path) -> None:
    to = tmp_path / "numbers.json"
    options = ("--commits", "3", "--scale", "0.2", "--only", "heroku", "--json", str(to))

    done = subprocess.run(
        [sys.executable, "-m", "stress_parts", *options],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    way = json.loads(to.read_text())["ways"]["heroku"]
    assert (way["violations"], way["unpromised"]) == ([], len(way["seen"]))
    assert way["releases"] >= 2


@pytest.mark.slow
def test_without_the_heroku_cli_its_column_is_skipped_by_name(tmp_path: Path) -> None:
    options = ("--commits", "1", "--scale", "0.1", "--only", "calm", "--only", "bash")

    done = subprocess.run(
        [sys.executable, "-m", "stress_parts", *options],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), "HEROKU_CLI": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped: bash: no Heroku CLI" in done.stdout
