"""Pushes and fetches with the real git client, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from accelerator.localheroku.gitserver.backends import GitFailed, archive
from tests.contract.localheroku.git_bench import Clone, Site, clone, loop_of, pushing, site

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.localheroku.gitserver.receiving import Push

__all__ = ["clone", "site"]
pytestmark = pytest.mark.git


def test_a_push_to_main_builds_and_releases_the_commit(site: Site, clone: Clone) -> None:
    sha = clone.commit()

    pushed = clone("push", site.url, "main")

    assert pushed.returncode == 0, pushed.stderr
    assert [(push.session.app_id, push.ref, push.new) for push in site.built] == [
        ("app-1", "refs/heads/main", sha)
    ]
    assert site.built[0].old == "0" * 40
    assert [push.new for push in site.released] == [sha]
    assert site.heads() == {"refs/heads/main": sha}


def test_what_the_build_writes_is_shown_while_it_runs(site: Site, clone: Clone) -> None:
    clone.commit()
    going_on = asyncio.Event()

    async def build(push: Push) -> bool:
        push.write("-----> Python app detected\n")
        await going_on.wait()
        await asyncio.to_thread(push.write, "written by a \0thread\n")
        return True

    site.build = build
    loops: list[asyncio.AbstractEventLoop] = []

    async def release(push: Push) -> None:
        loops.append(asyncio.get_running_loop())
        push.write("Released v5\n")

    site.release = release

    with pushing(clone, site) as process:
        assert process.stderr is not None
        first = next(line for line in process.stderr if line.startswith("remote:"))
        site.built[0].write("meanwhile\n")
        loop_of(site.built[0]).call_soon_threadsafe(going_on.set)
        rest = [line.rstrip() for line in process.stderr if line.startswith("remote:")]

    assert first.rstrip() == "remote: -----> Python app detected"
    assert rest == ["remote: meanwhile", "remote: written by a thread", "remote: Released v5"]
    assert process.returncode == 0


def test_a_failed_build_leaves_no_trace_and_the_push_can_be_repeated(
    site: Site, clone: Clone
) -> None:
    sha = clone.commit()
    answers = [False, True]

    async def build(push: Push) -> bool:
        push.write(" !     Push failed\n")
        return answers.pop(0)

    site.build = build

    refused, repeated = clone("push", site.url, "main"), clone("push", site.url, "main")

    assert refused.returncode == 1
    assert "! [remote rejected] main -> main (pre-receive hook declined)" in refused.stderr
    assert " !     Push failed" in clone.remote_lines(refused)
    assert repeated.returncode == 0
    assert [push.new for push in site.released] == [sha]
    assert site.heads() == {"refs/heads/main": sha}


def test_an_error_of_the_platform_refuses_the_push(
    site: Site, clone: Clone, caplog: pytest.LogCaptureFixture
) -> None:
    clone.commit()

    async def build(_: Push) -> bool:
        raise RuntimeError("a bug")

    site.build = build

    pushed = clone("push", site.url, "main")

    assert pushed.returncode == 1
    assert "Internal error of the platform." in pushed.stderr
    assert "a bug" in caplog.text


def test_the_commit_can_be_archived_before_git_has_accepted_it(
    site: Site, clone: Clone, tmp_path: Path
) -> None:
    clone.commit("kept export-ignore\nsubst export-subst\n", to=".gitattributes")
    clone.commit("ignored elsewhere", to="kept")
    clone.commit("$Format:%H$", to="subst")

    async def build(push: Push) -> bool:
        with pytest.raises(GitFailed):
            await archive(push.session.repository, push.new, {}, tmp_path / "none.tar")
        await archive(push.session.repository, push.new, push.objects, tmp_path / "tree.tar")
        return True

    site.build = build

    pushed = clone("push", site.url, "main")

    assert pushed.returncode == 0, pushed.stderr
    with tarfile.open(tmp_path / "tree.tar") as tar:
        assert sorted(tar.getnames()) == [".gitattributes", "kept", "subst"]
        subst = tar.extractfile("subst")
        assert subst is not None
        assert subst.read() == b"$Format:%H$"


def test_another_branch_is_stored_without_a_build(site: Site, clone: Clone) -> None:
    sha = clone.commit()

    pushed = clone("push", site.url, "main:topic")

    assert pushed.returncode == 0
    assert clone.remote_lines(pushed) == ["Pushed to non-master branch, skipping build."]
    assert site.heads() == {"refs/heads/topic": sha}
    assert (site.built, site.released) == ([], [])


def test_several_refs_in_one_push_build_only_main(site: Site, clone: Clone) -> None:
    sha = clone.commit()

    clone("push", site.url, "main:topic", "main", "main:refs/tags/one")

    assert [push.ref for push in site.built] == ["refs/heads/main"]
    assert set(site.heads()) == {"refs/heads/main", "refs/heads/topic", "refs/tags/one"}
    assert set(site.heads().values()) == {sha}


def test_deleting_a_branch_builds_nothing(site: Site, clone: Clone) -> None:
    clone.commit()
    clone("push", site.url, "main:master")

    pushed = clone("push", site.url, ":master")

    assert pushed.returncode == 0, pushed.stderr
    assert [push.ref for push in site.built] == ["refs/heads/master"]
    assert site.heads() == {}


def test_the_same_commit_again_is_up_to_date(site: Site, clone: Clone) -> None:
    clone.commit()
    clone("push", site.url, "main")

    again = clone("push", site.url, "main")

    assert (again.returncode, again.stderr.strip()) == (0, "Everything up-to-date")
    assert len(site.built) == 1


def test_a_large_push_and_a_clone_of_it(site: Site, clone: Clone, tmp_path: Path) -> None:
    (clone.directory / "noise").write_bytes(os.urandom(5_000_000))
    sha = clone.commit()

    pushed = clone("push", site.url, "main")
    cloned = clone("clone", site.url, tmp_path / "copy")

    assert (pushed.returncode, cloned.returncode) == (0, 0)
    head = clone("-C", tmp_path / "copy", "rev-parse", "HEAD").stdout.strip()
    assert head == sha


def test_a_shallow_clone_is_told_to_unshallow(site: Site, clone: Clone, tmp_path: Path) -> None:
    clone.commit("one")
    clone.commit("two")
    clone("clone", "--depth", "1", f"file://{clone.directory}", tmp_path / "shallow")
    shallow = Clone(clone.git, tmp_path / "shallow")

    pushed = shallow("push", site.url, "HEAD:main")

    assert pushed.returncode == 1
    assert "! [remote rejected] HEAD -> main (shallow update not allowed)" in pushed.stderr
    assert shallow.remote_lines(pushed) == [
        "!\tPush rejected, source repository is a shallow clone. Unshallow it with"
        " `git fetch --all --unshallow` and try pushing again."
    ]
    assert (site.built, site.released, site.heads()) == ([], [], {})


def test_a_shallow_clone_may_push_on_top_of_what_is_there(
    site: Site, clone: Clone, tmp_path: Path
) -> None:
    clone.commit("one")
    clone.commit("two")
    clone("push", site.url, "main")
    clone("clone", "--depth", "1", f"file://{clone.directory}", tmp_path / "shallow")
    shallow = Clone(clone.git, tmp_path / "shallow")
    sha = shallow.commit("three")

    pushed = shallow("push", site.url, "main")

    assert pushed.returncode == 0, pushed.stderr
    assert site.heads() == {"refs/heads/main": sha}


def test_a_killed_client_stops_neither_build_nor_release(site: Site, clone: Clone) -> None:
    sha = clone.commit()
    building, killed, released = threading.Event(), asyncio.Event(), threading.Event()

    async def build(push: Push) -> bool:
        building.set()
        await killed.wait()
        for _ in range(50):
            push.write("nobody reads this\n" * 100)
            await asyncio.sleep(0)
        return True

    async def release(_: Push) -> None:
        released.set()

    site.build, site.release = build, release

    with pushing(clone, site) as process:
        assert building.wait(20)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        loop_of(site.built[0]).call_soon_threadsafe(killed.set)

    assert released.wait(20)
    assert site.heads() == {"refs/heads/main": sha}


def test_a_platform_that_ends_refuses_the_pushes_under_way(site: Site, clone: Clone) -> None:
    clone.commit()
    building = threading.Event()

    async def build(_: Push) -> bool:
        building.set()
        return await asyncio.Event().wait()

    site.build = build

    with pushing(clone, site) as process:
        assert building.wait(20)
        asyncio.run_coroutine_threadsafe(site.bridge.close(), loop_of(site.built[0])).result(20)

    assert process.returncode != 0
    assert (site.heads(), site.released) == ({}, [])


def test_the_machines_own_git_settings_have_no_say(
    site: Site, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[receive]\n\tdenyNonFastForwards = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    clone.commit("one")
    clone("push", site.url, "main")
    clone("commit", "--amend", "-m", "rewritten")

    pushed = clone("push", "--force", site.url, "main")

    assert pushed.returncode == 0, pushed.stderr


@pytest.mark.parametrize("path", ["config", "objects/info/packs", "..%2fapp-1/HEAD"])
def test_nothing_but_git_requests_is_served(site: Site, path: str) -> None:
    address = site.url.removeprefix("http://").partition("/")[0]
    host, port = address.split(":")

    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET /shop.git/{path} HTTP/1.0\r\n\r\n".encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 404 ")


def test_a_deleted_repository_is_gone(site: Site) -> None:
    site.repositories.delete("app-1")

    assert not site.repository.exists()


@pytest.mark.parametrize(
    "said", [b"POST / HTTP/1.1\r\n", b"[]\n", b'{"token": []}\n', b'{"token": "x"}\n', b"[" * 99999]
)
def test_what_is_no_hook_is_hung_up_on(
    site: Site, clone: Clone, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    clone.commit()
    clone("push", site.url, "main")

    with socket.create_connection(("127.0.0.1", site.receiving.port), timeout=60) as stranger:
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(100) in (b"", b"\x001")

    assert caplog.text == ""
