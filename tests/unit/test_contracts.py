"""The contracts on imports: each fails where somebody breaks it, so that it is worth its name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "importlinter:contract:"
LINT = "from importlinter.cli import lint_imports_command as run; run()"

PLANTED = [
    ("layers", "output/parts.py", "import accelerator.cli.session"),
    ("layers", "steps/run.py", "import accelerator.connect"),
    ("layers", "knownapps.py", "import accelerator.places"),
    ("layers", "repository/lineage.py", "import accelerator.steps.run"),
    ("layers", "newcomer.py", "import accelerator.errors"),
    ("steps", "steps/compare/decide.py", "import accelerator.steps.order"),
    ("steps", "steps/guard/locks.py", "import accelerator.steps.report"),
    ("steps", "steps/guard/marks.py", "import accelerator.steps.route.take"),
    ("steps", "steps/route/take.py", "import accelerator.steps.verify.targets"),
    ("steps", "steps/deploy.py", "import accelerator.steps.prepare"),
    ("steps", "steps/follow/user_command.py", "import accelerator.steps.compare.facts"),
    ("layers", "settings/loading.py", "import accelerator.credentials"),
    ("layers", "models.py", "import accelerator.events"),
    ("pure", "steps/compare/decision.py", "import accelerator.heroku"),
    ("pure", "steps/guard/notes.py", "import subprocess"),
    ("client-alone", "cli/session.py", "import accelerator.localheroku.server"),
    ("circles", "steps/verify/visit.py", "import accelerator.steps.verify.smoke"),
    ("platform-alone", "localheroku/clock.py", "import accelerator.waiting"),
    ("client-alone", "demo/story.py", "import accelerator.localheroku.server"),
    ("heroku3", "steps/verify/serving.py", "import heroku3"),
    ("layers", "web/sessions.py", "import accelerator.heroku.client"),
    ("circles", "web/watch.py", "import accelerator.web.sessions"),
    ("requests", "steps/follow/builds_and_releases.py", "import requests"),
    ("requests", "connect.py", "import urllib3"),
    ("git", "steps/prepare.py", "import git"),
    ("platform-layers", "localheroku/building/builds.py", "import accelerator.localheroku.engine"),
    ("platform-layers", "localheroku/newcomer.py", "import accelerator.localheroku.clock"),
    ("platform-web", "localheroku/web/admission.py", "import accelerator.localheroku.web.routes"),
    (
        "platform-controls",
        "localheroku/controls/handlers.py",
        "import accelerator.localheroku.controls.routes",
    ),
    (
        "platform-circles",
        "localheroku/running/preboot.py",
        "import accelerator.localheroku.running.dynos",
    ),
    ("platform-engine", "localheroku/web/api.py", "import accelerator.localheroku.engine"),
    (
        "platform-handlers",
        "localheroku/web/handlers/builds.py",
        "import accelerator.localheroku.web.handlers.apps",
    ),
    ("platform-http", "localheroku/state/apps.py", "import starlette"),
]


def contracts() -> set[str]:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return {name.removeprefix(PREFIX) for name in config.sections() if name.startswith(PREFIX)}


def test_every_contract_has_a_violation_that_shows_it() -> None:
    assert {contract for contract, *_ in PLANTED} == contracts()


@pytest.mark.parametrize(
    ("contract", "excepted"),
    [
        pytest.param("platform-alone", set(), id="the platform imports nothing of the client"),
        pytest.param("client-alone", set(), id="the client imports nothing of the platform"),
        pytest.param("heroku3", {"heroku"}, id="heroku3"),
        pytest.param("requests", {"heroku", "web"}, id="requests"),
        pytest.param("git", {"repository"}, id="GitPython"),
    ],
)
def test_a_contract_leaves_no_module_of_the_client_out(contract: str, excepted: set[str]) -> None:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    key = "forbidden_modules" if contract == "platform-alone" else "source_modules"
    named = {name.partition(".")[2] for name in config[PREFIX + contract][key].split()}
    entries = (ROOT / "accelerator").iterdir()
    modules = {e.stem for e in entries if e.suffix == ".py" or (e / "__init__.py").exists()}

    assert named == modules - {"__init__", "localheroku", *excepted}


@pytest.mark.parametrize(("contract", "path", "line"), PLANTED)
def test_a_planted_import_breaks_its_contract(
    contract: str, path: str, line: str, tmp_path: Path
) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "sample", "buildpacks")
    shutil.copytree(ROOT / "accelerator", tmp_path / "accelerator", ignore=ignored)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    planted = tmp_path / "accelerator" / path
    before = planted.read_text("utf-8") if planted.exists() else ""
    planted.write_text(f"{before}\n{line}\n", "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", LINT, "--contract", contract, "--no-cache"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
