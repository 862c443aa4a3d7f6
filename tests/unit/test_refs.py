"""Notes as refs of a real git repository: created, replaced and removed by one alone."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.models import Secret, Swap
from accelerator.repository import LockHost, RefStore, replies
from accelerator.repository.throwaway import Throwaway, remove_left
from accelerator.waiting import Deadline, SystemClock
from tests.unit.fakes import FakeClock
from tests.unit.githost import ENCODED, KEY, GitHost, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.git

REF, FULL = "lock/shop", "refs/accelerator/lock/shop"
OTHER_REF = "lock/shop-eu"


@pytest.fixture
def bare(host: GitHost) -> Path:
    return host.create("prepare")


@pytest.fixture
def refs(host: GitHost, bare: Path, environment: dict[str, str]) -> Iterator[RefStore]:
    assert bare.is_dir()
    with LockHost(f"{host.url}/prepare.git", Secret(KEY), environment).open() as store:
        yield store


def put(refs: RefStore, text: str, ref: str = REF) -> str:
    sha = refs.write(text)
    assert refs.swap(ref, None, sha) is Swap.DONE
    return sha


def heads(bare: Path, environment: dict[str, str]) -> dict[str, str]:
    listed = run(["git", "for-each-ref", "--format=%(refname) %(objectname)"], bare, environment)
    return dict(line.split() for line in listed.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("held by ann", id="one line"),
        pytest.param('ann\n\n{\n "a": "b"\n}', id="a note"),
        pytest.param("Grüße\n\n# no comment\n\n-m x", id="what git might take for something else"),
        pytest.param("x" * 5000, id="a long one"),
    ],
)
def test_a_note_is_created_listed_and_read_back(refs: RefStore, text: str) -> None:
    sha = put(refs, text)

    assert refs.find() == {REF: sha}
    assert refs.read(REF) == (sha, text)


def test_where_there_is_no_note_none_is_read(refs: RefStore) -> None:
    put(refs, "another", OTHER_REF)

    assert refs.read(REF) is None


def test_only_notes_are_listed(refs: RefStore, bare: Path, environment: dict[str, str]) -> None:
    sha = put(refs, "a")
    for other in ("refs/heads/main", "refs/heads/accelerator/fix", "refs/acceleratory/lock/shop"):
        run(["git", "update-ref", other, sha], bare, environment)

    assert refs.find() == {REF: sha}


def test_what_exists_is_not_created_again(refs: RefStore) -> None:
    sha = put(refs, "mine")

    assert refs.swap(REF, None, refs.write("yours")) is Swap.LOST
    assert refs.find() == {REF: sha}


def test_a_note_is_replaced_by_who_knows_what_stands_there(refs: RefStore) -> None:
    old = put(refs, "old")
    new = refs.write("new")

    assert refs.swap(REF, old, new) is Swap.DONE
    assert refs.read(REF) == (new, "new")


def test_a_note_is_not_replaced_by_who_does_not(refs: RefStore) -> None:
    first = put(refs, "first")
    second = refs.write("second")
    assert refs.swap(REF, first, second) is Swap.DONE

    assert refs.swap(REF, first, refs.write("third")) is Swap.LOST
    assert refs.read(REF) == (second, "second")


def test_several_notes_are_replaced_by_one_push(refs: RefStore, host: GitHost) -> None:
    old = {ref: put(refs, ref, ref) for ref in (REF, OTHER_REF)}
    new = {ref: refs.write(f"{ref}, renewed") for ref in old}
    host.seen.clear()

    ends = refs.swap_all({ref: (old[ref], new[ref]) for ref in old})

    pushed = [path for path, _ in host.seen if path.endswith("/git-receive-pack")]
    assert ends == dict.fromkeys(old, Swap.DONE)
    assert len(pushed) == 1
    assert refs.find() == new


def test_of_several_notes_one_that_somebody_else_has_is_left_and_the_others_are_replaced(
    refs: RefStore,
) -> None:
    mine, theirs = put(refs, "mine"), put(refs, "theirs", OTHER_REF)
    renewed, stale = refs.write("renewed"), refs.write("stale")

    ends = refs.swap_all({REF: (mine, renewed), OTHER_REF: (stale, renewed)})

    assert ends[OTHER_REF] is Swap.LOST
    assert ends[REF] in {Swap.DONE, Swap.UNKNOWN}  # then `find` tells
    assert refs.find() == {REF: renewed, OTHER_REF: theirs}


def test_of_several_notes_nothing_is_known_where_the_remote_is_away(
    refs: RefStore, bare: Path
) -> None:
    mine = put(refs, "mine")
    bare.rename(bare.with_name("elsewhere"))

    assert refs.swap_all({REF: (mine, refs.write("renewed"))}) == {REF: Swap.UNKNOWN}


def test_a_note_that_is_gone_is_not_replaced(refs: RefStore) -> None:
    old = put(refs, "old")
    assert refs.swap(REF, old, None) is Swap.DONE

    assert refs.swap(REF, old, refs.write("new")) is Swap.LOST
    assert refs.find() == {}


def test_a_note_is_removed_by_who_knows_what_stands_there(refs: RefStore) -> None:
    old = put(refs, "old")
    new = refs.write("new")

    assert refs.swap(REF, new, None) is Swap.LOST
    assert refs.swap(REF, old, None) is Swap.DONE
    assert refs.swap(REF, old, None) is Swap.LOST


def test_two_stores_see_each_others_notes(
    refs: RefStore, host: GitHost, environment: dict[str, str]
) -> None:
    sha = put(refs, "ours")

    with LockHost(f"{host.url}/prepare.git", Secret(KEY), environment).open() as theirs:
        assert theirs.read(REF) == (sha, "ours")
        assert theirs.swap(REF, sha, theirs.write("theirs")) is Swap.DONE

    assert refs.swap(REF, sha, None) is Swap.LOST


def test_one_store_serves_several_threads(refs: RefStore) -> None:
    names = [f"lock/app-{number}" for number in range(6)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: put(refs, name, name), names))
        read = list(pool.map(refs.read, names))

    assert [found and found[1] for found in read] == names


def race(url: str, environment: dict[str, str], number: int, key: str | None) -> str:
    with LockHost(url, Secret(key) if key else None, environment).open() as store:
        sha = store.write(f"job {number}")
        end = store.swap(REF, None, sha)
    return sha if end is Swap.DONE else f"{end}"


@pytest.mark.parametrize("way", ["http", "file"])
def test_of_eight_processes_that_create_a_note_one_wins(
    way: str, host: GitHost, bare: Path, environment: dict[str, str]
) -> None:
    url, key = (f"{host.url}/prepare.git", KEY) if way == "http" else (f"file://{bare}", None)

    with multiprocessing.get_context("spawn").Pool(8) as pool:
        ends = pool.starmap(race, [(url, environment, number, key) for number in range(8)])
        pool.close()
        pool.join()

    winners = [end for end in ends if end != Swap.LOST]
    assert len(winners) == 1
    assert heads(bare, environment) == {FULL: winners[0]}


def test_a_shallow_checkout_does_not_matter_and_is_left_alone(
    refs: RefStore, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    run(["git", "init", "-q", str(work)], tmp_path, environment)
    (work / ".git" / "shallow").write_text("0" * 40 + "\n")
    monkeypatch.chdir(work)
    before = sorted(path.name for path in (work / ".git").rglob("*"))

    put(refs, "held")

    assert sorted(path.name for path in (work / ".git").rglob("*")) == before


def test_the_users_own_settings_of_git_have_no_say(
    refs: RefStore, environment: dict[str, str]
) -> None:
    Path(environment["GIT_CONFIG_GLOBAL"]).write_text(
        "[commit]\n gpgSign = true\n[push]\n gpgSign = true\n followTags = true\n"
        "[i18n]\n commitEncoding = latin1\n[fetch]\n prune = true\n"
    )

    sha = put(refs, "Grüße")

    assert refs.read(REF) == (sha, "Grüße")


@pytest.mark.parametrize(
    "hook",
    [
        pytest.param('echo "no such branches here" >&2; exit 1', id="a hook declines"),
        pytest.param("exit 1", id="a hook declines without a word"),
    ],
)
def test_a_remote_that_takes_no_such_refs_is_unavailable(
    host: GitHost, environment: dict[str, str], hook: str
) -> None:
    bare = host.create("strict", hook)

    with (
        LockHost(f"{host.url}/strict.git", Secret(KEY), environment).open() as store,
        pytest.raises(NoLockRefs, match="declined") as caught,
    ):
        store.swap(REF, None, store.write("held"))

    assert caught.value.exit_code == 3
    assert heads(bare, environment) == {}


def test_a_remote_that_hides_such_refs_takes_none(
    refs: RefStore, bare: Path, environment: dict[str, str]
) -> None:
    run(["git", "config", "receive.hideRefs", "refs/accelerator"], bare, environment)

    with pytest.raises(NoLockRefs, match="hidden"):
        refs.swap(REF, None, refs.write("held"))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param("prepare.git", "wrong", id="a key it does not know"),
        pytest.param("nowhere.git", KEY, id="no such repository"),
    ],
)
def test_a_remote_that_cannot_be_used_is_unavailable_for_everything(
    host: GitHost, bare: Path, environment: dict[str, str], path: str, key: str
) -> None:
    assert bare.is_dir()
    with LockHost(f"{host.url}/{path}", Secret(key), environment).open() as store:
        sha = store.write("held")

        with pytest.raises(LockUnavailable):
            store.find()
        with pytest.raises(LockUnavailable):
            store.read(REF)
        with pytest.raises(LockUnavailable):
            store.swap(REF, None, sha)


def test_a_remote_that_is_not_there_is_unavailable(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/prepare.git"

        with (
            LockHost(url, Secret(KEY), environment).open() as store,
            pytest.raises(LockUnavailable),
        ):
            store.swap(REF, None, store.write("held"))


def test_a_reply_that_is_lost_leaves_the_outcome_open_and_a_look_tells(
    refs: RefStore, host: GitHost
) -> None:
    sha = refs.write("held")
    host.answers["git-receive-pack"] = 502

    assert refs.swap(REF, None, sha) is Swap.UNKNOWN
    assert refs.find() == {}


def test_the_key_is_in_no_argument_no_file_and_no_message(
    host: GitHost, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host.create("strict", f'echo "{KEY} {ENCODED}" >&2; exit 1')
    seen: list[str] = []

    def look() -> None:
        running = run(["ps", "axww", "-o", "args"], tmp_path, environment)
        files = [path for path in tmp_path.glob("accelerator-refs-*/**/*") if path.is_file()]
        seen.extend([running, *(path.read_bytes().decode("latin1") for path in files)])

    host.during_push = look

    with LockHost(f"{host.url}/strict.git", Secret(KEY), environment).open() as store:
        with pytest.raises(LockUnavailable) as caught:
            store.swap(REF, None, store.write("held"))
        told = f"{store!r} {caught.value} {caught.value.hint}"

    assert "git push --porcelain" in seen[0]
    assert len(seen) > 3
    for secret in (KEY, ENCODED):
        assert secret not in "".join(seen)
        assert secret not in told


def test_nothing_is_left_on_the_disk(
    bare: Path, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LockHost(str(bare), None, environment).open() as store:
        put(store, "held")
        assert list(tmp_path.glob("accelerator-refs-*"))

    assert not list(tmp_path.glob("accelerator-refs-*"))


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


STRANGE: list[Any] = [
    pytest.param(lambda bare: make_commit(bare, b"x" * 5_000_000), "", id="five megabytes"),
    pytest.param(lambda bare: make_commit(bare, b""), "", id="empty"),
    pytest.param(lambda bare: store_object(bare, "blob", b"ann"), "", id="a file"),
    pytest.param(lambda bare: store_object(bare, "tree", b""), "", id="a tree"),
    pytest.param(lambda _: "f" * 40, "", id="an object that is not there"),
    pytest.param(
        lambda bare: make_commit(bare, b"a\xff\x00b", b"encoding none-such\n"),
        "a\ufffd",
        id="bytes in an encoding that there is not",
    ),
    pytest.param(
        lambda bare: make_commit(bare, "Gr\xfc\xdfe".encode("utf-16"), b"encoding UTF-16\n"),
        "",
        id="an encoding with zeros",
    ),
]


@pytest.mark.parametrize(("make", "text"), STRANGE)
def test_what_stands_there_and_is_no_note_is_read_as_far_as_it_goes_and_can_be_removed(
    refs: RefStore, bare: Path, make: Callable[[Path], str], text: str
) -> None:
    sha = make(bare)
    stand(bare, sha)

    seen = refs.read(REF)

    assert seen is not None
    assert seen[0] == sha
    assert seen[1].startswith(text)
    assert len(seen[1]) < 100
    assert refs.swap(REF, sha, None) is Swap.DONE
    assert refs.find() == {}


def test_a_commit_that_would_take_much_memory_is_not_even_fetched(
    refs: RefStore, bare: Path
) -> None:
    sha = make_commit(bare, b"x" * 40_000_000)
    stand(bare, sha)

    assert refs.read(REF) == (sha, "")
    assert refs._git.ask("cat-file", "-e", sha).status != 0


def test_a_tag_in_the_place_of_a_note_is_removed_like_one(refs: RefStore, bare: Path) -> None:
    commit = make_commit(bare, b"hands off")
    head = f"object {commit}\ntype commit\ntag x\ntagger a <a> 1 +0000\n\nhello\n"
    sha = store_object(bare, "tag", head.encode())
    stand(bare, sha)

    assert refs.read(REF) == (sha, "hands off")
    assert refs.swap(REF, sha, None) is Swap.DONE


def test_a_note_that_is_listed_and_cannot_be_fetched_is_one_without_text(
    refs: RefStore, host: GitHost
) -> None:
    sha = put(refs, "held")
    host.answers["git-upload-pack"] = 502

    assert refs.read(REF) == (sha, "")


@pytest.mark.parametrize("end", ["\u2028", "\u0085", "\u3000", "\u2028x"])
def test_a_ref_is_not_taken_for_another_whose_name_it_continues(
    refs: RefStore, bare: Path, end: str
) -> None:
    sha = put(refs, "anything")
    assert refs.swap(REF, sha, None) is Swap.DONE
    run(["git", "update-ref", f"{FULL}{end}", sha], bare, dict(os.environ))

    assert refs.find() == {f"{REF}{end}": sha}
    assert refs.read(REF) is None


def test_thousands_of_refs_of_strangers_are_no_trouble(refs: RefStore, bare: Path) -> None:
    sha = put(refs, "held")
    others = [f"{FULL[:-4]}x{number}/{'y' * 90}" for number in range(5_000)]
    packed = "".join(f"{sha} {name}\n" for name in sorted(others))
    (bare / "packed-refs").write_text(f"# pack-refs with: sorted\n{packed}", encoding="utf-8")

    assert len(refs.find()) == 5_001
    assert refs.read(REF) == (sha, "held")


def test_many_refs_are_removed_with_one_push_and_only_as_they_were(
    refs: RefStore, bare: Path, host: GitHost, environment: dict[str, str]
) -> None:
    theirs, newer = refs.write("theirs"), refs.write("newer")
    names = [f"{REF}/{number}" for number in range(150)]
    lines = "".join(f"create {FULL}/{number} {theirs}\n" for number in range(150))
    for sha in (theirs, newer):
        put_again = refs.swap(f"x/{sha}", None, sha)
        assert put_again is Swap.DONE
    subprocess.run(
        ["git", "update-ref", "--stdin"],
        input=lines.encode(),
        cwd=bare,
        env=environment,
        check=True,
    )
    run(["git", "update-ref", f"{FULL}/7", newer], bare, environment)
    before = len(host.seen)

    refs.remove(dict.fromkeys(names, theirs))

    assert [name for name in refs.find() if name in names] == [names[7]]
    pushes = [path for path, _ in host.seen[before:] if path.endswith("/git-receive-pack")]
    assert len(pushes) <= 1
    refs.remove(dict.fromkeys(names, theirs) | {names[7]: newer})
    assert not refs.find().keys() & set(names)


def test_a_remote_that_does_not_answer_is_left_with_the_time_of_the_run(
    environment: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/locks.git"
        deadline = Deadline.after(SystemClock(), 0.2)
        with (
            LockHost(url, None, environment, deadline).open() as store,
            pytest.raises(LockUnavailable, match="did not end within"),
        ):
            store.find()


# What stands in the way, and what was left


def heroku(
    host: GitHost, environment: dict[str, str], deadline: Deadline | None = None
) -> LockHost:
    url = f"{host.url}/prepare.git"
    return LockHost(url, Secret(KEY), environment, deadline, is_heroku=True)


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


# What may pass, and what does not


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("is_heroku", [True, False], ids=["on Heroku", "elsewhere"])
def test_a_read_is_repeated_where_what_went_wrong_may_pass(
    host: GitHost, bare: Path, environment: dict[str, str], status: int, is_heroku: bool
) -> None:
    assert bare.is_dir()
    clock = FakeClock()
    place = heroku(host, environment, Deadline.after(clock, 600.0))
    with replace(place, is_heroku=is_heroku).open() as store:
        sha = put(store, "held")
        host.answers["refs"] = status
        clock.sleep = lambda seconds: (  # type: ignore[assignment,method-assign]
            clock.naps.append(seconds),
            host.answers.clear(),
        )

        assert store.find() == {REF: sha}

    assert len(clock.naps) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(401, LockUnavailable, id="401"),
        pytest.param(403, LockUnavailable, id="403"),
        pytest.param(404, LockUnavailable, id="404: who may not see it is told so, too"),
        pytest.param(429, LockUnavailable, id="429"),
        pytest.param(500, LockUnavailable, id="500"),
        pytest.param(503, LockUnavailable, id="503"),
    ],
)
@pytest.mark.parametrize("way", ["find", "read", "swap"])
def test_no_answer_of_a_server_but_a_rule_means_that_there_are_no_locks(
    refs: RefStore, host: GitHost, answer: int, error: type[LockUnavailable], way: str
) -> None:
    host.answers["refs"] = answer
    ask = {
        "find": refs.find,
        "read": lambda: refs.read(REF),
        "swap": lambda: refs.swap(REF, None, refs.write("held")),
    }[way]

    with pytest.raises(error) as caught:
        ask()

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("hook", "is_absence"),
    [
        pytest.param("exit 1", True, id="without a word"),
        pytest.param("echo no such refs here >&2; exit 1", True, id="the ref"),
        pytest.param("echo 'GitLab: You are not allowed to push' >&2; exit 1", False, id="who"),
        pytest.param("echo 'Permission denied to bot' >&2; exit 1", False, id="a permission"),
        pytest.param("echo 'GitLab: Internal API unreachable' >&2; exit 1", False, id="behind it"),
        pytest.param("echo 'No space left on device' >&2; exit 1", False, id="a full disk"),
        pytest.param("echo 'this repository is archived' >&2; exit 1", False, id="read only"),
        pytest.param("echo 'Repository in maintenance' >&2; exit 1", False, id="for a while"),
    ],
)
def test_a_hooks_refusal_is_absence_only_where_it_is_about_the_ref(
    host: GitHost, environment: dict[str, str], hook: str, is_absence: bool
) -> None:
    host.create("strict", hook)

    with (
        LockHost(f"{host.url}/strict.git", Secret(KEY), environment).open() as store,
        pytest.raises(LockUnavailable) as caught,
    ):
        store.swap(REF, None, store.write("held"))

    assert isinstance(caught.value, NoLockRefs) == is_absence


@pytest.mark.parametrize(
    ("said", "is_unchanged"),
    [
        pytest.param("HTTP 403 curl 22 The requested URL returned error: 403", True, id="403"),
        pytest.param("result=22, HTTP code = 429", True, id="429, as older versions of git say it"),
        pytest.param("HTTP 502 curl 22 The requested URL returned error: 502", False, id="502"),
        pytest.param(
            "curl 18 transfer closed with 412 bytes remaining to read", False, id="412 bytes"
        ),
    ],
)
def test_a_reply_that_was_cut_is_not_taken_for_a_refusal(said: str, is_unchanged: bool) -> None:
    assert replies.is_certainly_unchanged("", f"error: RPC failed; {said}") is is_unchanged


@pytest.mark.parametrize(
    ("why", "is_metered", "remedy"),
    [
        pytest.param("The requested URL returned error: 429", True, "75 requests", id="metered"),
        pytest.param("The requested URL returned error: 403", False, "allowed to push", id="403"),
        pytest.param("The requested URL returned error: 403", True, "API key's", id="the key"),
        pytest.param("could not read Username for 'https://h'", False, "allowed", id="no login"),
        pytest.param("repository 'https://h/x.git/' not found", False, "address", id="not there"),
        pytest.param("'/x' does not appear to be a git repository", False, "address", id="no git"),
        pytest.param("Could not resolve host: h", False, "address", id="no host"),
    ],
)
def test_what_asking_again_would_not_change_is_told_with_its_remedy(
    why: str, is_metered: bool, remedy: str
) -> None:
    assert remedy in str(replies.find_remedy(why, is_metered=is_metered))


@pytest.mark.parametrize("why", ["The requested URL returned error: 503", "429", "timed out"])
def test_what_may_pass_has_no_remedy_but_time(why: str) -> None:
    assert replies.find_remedy(why, is_metered=False) is None


def test_a_repository_that_is_not_there_is_told_with_what_to_check(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with (
        LockHost(str(tmp_path / "nothing.git"), None, environment).open() as store,
        pytest.raises(LockUnavailable) as caught,
    ):
        store.find()

    assert "check the address" in str(caught.value.hint)


def test_the_prefix_of_git_is_no_reason() -> None:
    assert replies.find_reason("", "fatal: unable to access 'x'") == "unable to access 'x'"


@pytest.mark.parametrize(
    ("why", "is_metered", "is_named"),
    [
        pytest.param("The requested URL returned error: 429", True, True, id="HTTP"),
        pytest.param("Too many requests for this Git repo.", True, True, id="in words"),
        pytest.param("The requested URL returned error: 429", False, False, id="elsewhere"),
        pytest.param("The requested URL returned error: 503", True, False, id="another error"),
    ],
)
def test_herokus_hourly_limit_is_called_by_its_name_and_its_end(
    why: str, is_metered: bool, is_named: bool
) -> None:
    said = replies.name_limit(why, is_metered=is_metered)

    assert why in said
    assert ("Heroku's hourly limit" in said) is is_named
    assert ("it ends within the hour" in said) is is_named


def test_a_key_that_may_not_push_is_named_by_where_it_was_found() -> None:
    why = "The requested URL returned error: 403"

    assert "the API key from SHOP_KEY has to be allowed" in str(
        replies.find_remedy(why, is_metered=True, key_source="SHOP_KEY")
    )
