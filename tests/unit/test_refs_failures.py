"""Which troubles of a lock remote may pass, which do not, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import LockUnavailable, NoLockRefs
from accelerator.models import Secret
from accelerator.repository import LockHost, RefStore, replies
from accelerator.waiting import Deadline
from tests.unit.fakes import FakeClock
from tests.unit.githost import KEY, GitHost
from tests.unit.lockrefs import REF, heroku, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.git


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
