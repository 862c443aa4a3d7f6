"""What stands in the way of notes: refs of others on Heroku's host, folders of killed runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.repository.throwaway import Throwaway, remove_left
from tests.unit.lockrefs import REF, heads, heroku, make_commit, put, stand

if TYPE_CHECKING:
    from accelerator.repository import RefStore
    from tests.unit.githost import GitHost

pytestmark = pytest.mark.git


def test_on_herokus_host_notes_are_branches_and_listed_with_one_request(
    host: GitHost, bare: Path, environment: dict[str, str]
) -> None:
    with heroku(host, environment).open() as store:
        sha = put(store, "held")
        before = len(host.seen)
        found = store.find()

    assert found == {REF: sha}
    assert len(host.seen) == before + 1
    assert heads(bare, environment) == {f"refs/heads/accelerator/{REF}": sha}


@pytest.mark.parametrize("is_heroku", [True, False], ids=["on Heroku", "elsewhere"])
def test_a_ref_in_the_place_of_all_notes_is_named_at_once(
    host: GitHost, bare: Path, environment: dict[str, str], is_heroku: bool
) -> None:
    root = "refs/heads/accelerator" if is_heroku else "refs/accelerator"
    stand(bare, make_commit(bare, b"somebody's work"), root)
    place = replace(heroku(host, environment), is_heroku=is_heroku)

    with place.open() as store, pytest.raises(LockUnavailable, match="keeps git from making") as no:
        store.swap(REF, None, store.write("held"))

    assert not isinstance(no.value, NoLockRefs)
    assert f"git push REMOTE :{root}" in (no.value.hint or "")
    assert root in heads(bare, environment)


def test_notes_that_an_older_version_left_among_the_branches_are_not_passed_over(
    refs: RefStore, bare: Path
) -> None:
    stand(bare, make_commit(bare, b"closed"), "refs/heads/accelerator/freeze/shop")

    with pytest.raises(LockUnavailable, match="left notes among its branches") as caught:
        refs.find()

    assert "git push REMOTE :refs/heads/accelerator/freeze/shop" in (caught.value.hint or "")


def test_only_the_refs_that_are_ours_are_asked_for(
    refs: RefStore, bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sha = put(refs, "held")
    packed = "".join(f"{sha} refs/pull/{number:04}/head\n" for number in range(1000))
    (bare / "packed-refs").write_text(f"# pack-refs with: sorted\n{packed}", encoding="utf-8")
    trace = tmp_path / "trace"
    monkeypatch.setitem(refs._remotely, "GIT_TRACE_PACKET", str(trace))  # type: ignore[arg-type]

    assert refs.find() == {REF: sha}
    assert "refs/pull" not in trace.read_text()


def left(parent: Path, name: str) -> Path:
    folder = parent / f"accelerator-refs-{name}"
    folder.mkdir()
    (folder / "owner").touch()
    return folder


def test_what_killed_runs_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, old, young = left(tmp_path, "dead"), left(tmp_path, "old"), left(tmp_path, "young")
    for folder in (old, young):
        (folder / "owner").unlink()
    os.utime(old, (0, 0))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").touch()
    linked, odd = tmp_path / "accelerator-refs-linked", left(tmp_path, "odd")
    linked.symlink_to(elsewhere)
    (odd / "owner").unlink()
    (odd / "owner").symlink_to(elsewhere / "owner")
    living = Throwaway()

    remove_left(tmp_path)

    kept = {living.path, young, linked, odd, elsewhere}
    assert set(tmp_path.iterdir()) == kept
    assert not dead.exists()
    living.remove()
    assert not living.path.exists()


def test_folders_that_are_not_to_be_removed_do_not_hide_those_behind_them(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"accelerator-refs-{number:02}").symlink_to("nowhere")
    dead = left(tmp_path, "dead")

    remove_left(tmp_path)

    assert not dead.exists()
    assert len(list(tmp_path.iterdir())) == 60


def test_a_living_run_of_another_process_keeps_its_folder(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    code = "from accelerator.repository.throwaway import Throwaway; t = Throwaway(); print(t.path)"
    command = [sys.executable, "-c", f"{code}; import sys; sys.stdout.flush(); sys.stdin.read()"]
    own = {**environment, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        folder = Path(other.stdout.readline().strip())
        remove_left(tmp_path)
        was_there = folder.is_dir()
        other.kill()
        other.wait()
    is_left = folder.is_dir()

    remove_left(tmp_path)

    assert (was_there, is_left, folder.exists()) == (True, True, False)


def test_a_temporary_directory_that_cannot_be_read_hinders_nobody(tmp_path: Path) -> None:
    remove_left(tmp_path / "gone")

    assert not (tmp_path / "gone").exists()
