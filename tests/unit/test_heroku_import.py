from __future__ import annotations

import subprocess
import sys

import pytest

NAMES = "rich git starlette uvicorn click asyncio jsonschema cryptography accelerator.localheroku"


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in NAMES.split()])
def test_the_client_is_imported_without(name: str) -> None:
    code = "import sys, accelerator.heroku; print('\\n'.join(sys.modules))"

    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "heroku3.api" in modules
    assert name not in modules
