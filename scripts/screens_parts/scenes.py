"""What is shown: the state before, what is typed, and when to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_parts.application import make_application

if TYPE_CHECKING:
    from collections.abc import Mapping

TO_STAGING = "accelerator deploy --from foo-prepare --to staging"
SMOKE = "--smoke '/health {commit}'"
ANSWER = """
import os, pathlib

def answer(path):
    broken, commit = pathlib.Path("broken").exists(), os.environ["HEROKU_BUILD_COMMIT"]
    body = b"cannot reach the database" if broken else commit.encode()
    return 500 if broken else 200, body, {}
"""
COMPILE = """echo "-----> Installing requirements"
for name in click requests rich tenacity urllib3 idna certifi; do
  echo "       Collecting $name"; sleep 0.4
done
echo "-----> Discovering process types"
"""
APPLICATION = make_application(ANSWER, COMPILE)


@dataclass(frozen=True)
class Scene:
    """One story on the screen.

    ``files`` are those of the commit; ``before`` are commands that nobody sees. The screen is
    taken when ``middle`` can be read, where that is wanted, and at the end. ``keys`` are typed in
    the middle.
    """

    name: str
    subject: str
    typed: str
    files: Mapping[str, str | None]
    before: tuple[str, ...] = ()
    middle: str | None = None
    keys: tuple[str, ...] = ()


SMOKE_SECONDS = "ACCELERATOR_DEADLINES_SMOKE_DEADLINE=4s"
SCENES = (
    Scene(
        "live-hit",
        "Greet politely",
        f"{TO_STAGING} {SMOKE}",
        {"greeting": "Good morning"},
        ("accelerator prepare -a foo-prepare",),
        "Promote",
    ),
    Scene("miss", "Say good night", TO_STAGING, {"greeting": "Good night"}, (), "Collecting idna"),
    Scene(
        "failing-smoke",
        "Use another database",
        f"{TO_STAGING} {SMOKE}",
        {"broken": "yes"},
        ("accelerator prepare -a foo-prepare",),
        "Verify",
    ),
    Scene(
        "crash",
        "Move the server",
        f"{TO_STAGING} {SMOKE}",
        {"broken": None, "Procfile": "web: python3 -u gone.py\n"},
        ("accelerator prepare -a foo-prepare",),
        "Verify",
    ),
    Scene(
        "locked",
        "Move it back",
        f"{TO_STAGING} --lock-wait 2s",
        {"Procfile": APPLICATION["Procfile"]},
        (
            "accelerator prepare -a foo-prepare",
            "accelerator lock foo-staging --from foo-prepare --for 1h --reason 'a demo for Ada'",
        ),
    ),
    Scene("offline", "Nothing", f"HEROKU_HOST=http://127.0.0.1:9 {TO_STAGING} --timeout 4s", {}),
    Scene(
        "interrupted",
        "Say good evening",
        TO_STAGING,
        {"greeting": "Good evening"},
        ("accelerator unlock foo-staging --from foo-prepare",),
        "Collecting click",
        ("C-c",),
    ),
    Scene(
        "ship",
        "Say good-bye",
        "accelerator ship --test 'for i in 1 2 3 4 5 6; do echo test $i; sleep 0.5; done' "
        f"--from foo-prepare --to staging --to production {SMOKE}",
        {"greeting": "Good-bye"},
        ("accelerator unlock foo-staging --from foo-prepare",),
        "test 3",
    ),
    Scene(
        "demo",
        "Watch",
        "accelerator demo --build-seconds 3 --test-seconds 3",
        {},
        (),
        "push to staging",
    ),
)
