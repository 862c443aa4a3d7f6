"""Notes as refs of a real git repository: created, replaced and removed by one alone."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.models import Secret, Swap
from accelerator.repository import LockHost, RefStore
from accelerator.waiting import Deadline, SystemClock
from tests.unit.githost import ENCODED, KEY, GitHost, run
from tests.unit.lockrefs import FULL, OTHER_REF, REF, heads, make_commit, put, stand, store_object

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.git


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
