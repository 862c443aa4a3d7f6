"""The package: what is in it and what building it leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
UNBUILT = shutil.ignore_patterns("__pycache__", "*.pyc")
BUILD = "import sys; from flit_core import buildapi; buildapi.build_wheel(sys.argv[1])"


def listed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "accelerator", checkout / "accelerator", ignore=UNBUILT)
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    return checkout


def test_building_the_package_leaves_nothing_in_the_checkout_and_nothing_of_ours_out(
    checkout: Path, tmp_path: Path
) -> None:
    before, wheels = listed(checkout), tmp_path / "wheels"
    wheels.mkdir()

    command = [sys.executable, "-B", "-c", BUILD, str(wheels)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)

    (wheel,) = wheels.iterdir()
    with ZipFile(wheel) as packed:
        names = set(packed.namelist())
        detect = packed.getinfo("accelerator/localheroku/building/buildpacks/python/bin/detect")
    assert listed(checkout) == before
    assert {name for name in before if name.startswith("accelerator/")} <= names
    assert "accelerator/demo/sample/.slugignore" in names
    assert (detect.external_attr >> 16) & 0o111
