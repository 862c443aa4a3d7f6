"""The tutorial, done as it is written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import base_environment

if TYPE_CHECKING:
    from tests.e2e.world import Platform

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-deploy.md"
STARTING = "accelerator local\n"
DEPLOYING_BROKEN = "ACCELERATOR_DEADLINES_SMOKE_DEADLINE"


def blocks() -> list[str]:
    found = re.findall(r"(?ms)^```sh\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"))
    return [block for block in found if block != STARTING]


@pytest.mark.git
def test_the_tutorial_works_as_it_is_written(
    heroku: Platform, program: Path, tmp_path: Path
) -> None:
    typed = "".join(f"{block}echo block $?\n" for block in blocks())
    environment = {
        **base_environment(tmp_path),
        "HEROKU_HOST": heroku.url,
        "HEROKU_API_KEY": heroku.key,
    }
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"

    done = subprocess.run(
        ["bash"],
        input=typed,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    codes = [int(code) for code in re.findall(r"(?m)^block (\d+)$", done.stdout)]
    expected = [6 if DEPLOYING_BROKEN in block else 0 for block in blocks()]
    assert codes == expected, done.stdout + done.stderr
    (production,) = re.findall(r"(?m)^  hello-production: .*$", done.stdout)
    assert production.endswith(", verified")
