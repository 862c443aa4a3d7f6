"""What tests of notes as refs work with: names, places, and what stands there."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from accelerator.models import Secret, Swap
from accelerator.repository import LockHost, RefStore
from tests.unit.githost import KEY, GitHost, run

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.waiting import Deadline

REF, FULL = "lock/shop", "refs/accelerator/lock/shop"
OTHER_REF = "lock/shop-eu"


def put(refs: RefStore, text: str, ref: str = REF) -> str:
    sha = refs.write(text)
    assert refs.swap(ref, None, sha) is Swap.DONE
    return sha


def heads(bare: Path, environment: dict[str, str]) -> dict[str, str]:
    listed = run(["git", "for-each-ref", "--format=%(refname) %(objectname)"], bare, environment)
    return dict(line.split() for line in listed.splitlines())


def stand(bare: Path, sha: str, ref: str = FULL) -> None:
    """Put an object where git itself would put no such one, as whoever owns the remote can."""
    place = bare / ref
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{sha}\n", encoding="utf-8")


def store_object(bare: Path, kind: str, body: bytes) -> str:
    made = subprocess.run(
        ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
        cwd=bare,
        input=body,
        check=True,
        capture_output=True,
    )
    return made.stdout.decode().strip()


def make_commit(bare: Path, message: bytes, headers: bytes = b"") -> str:
    tree = store_object(bare, "tree", b"").encode()
    people = b"author a <a> 1 +0000\ncommitter a <a> 1 +0000\n"
    return store_object(
        bare, "commit", b"tree " + tree + b"\n" + people + headers + b"\n" + message
    )


def heroku(
    host: GitHost, environment: dict[str, str], deadline: Deadline | None = None
) -> LockHost:
    url = f"{host.url}/prepare.git"
    return LockHost(url, Secret(KEY), environment, deadline, is_heroku=True)
