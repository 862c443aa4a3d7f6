from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from accelerator.errors import (
    AcceleratorError,
    KeyRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ShallowClone,
    Unreachable,
)
from accelerator.foreign import LINE_LETTERS
from accelerator.models import PushOutcome, Secret
from accelerator.repository import Repository
from tests.ports import deaf_port
from tests.unit.githost import ENCODED, KEY, GitHost, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.git


class Work:
    """A working copy with one commit, and its pushes."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path, self.environment = path, environment
        self.lines: list[str] = []

    def git(self, *arguments: str) -> str:
        return run(["git", *arguments], self.path, self.environment)

    def commit(self, content: str) -> str:
        (self.path / "web.py").write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", content)
        return self.git("rev-parse", "HEAD")

    def push(self, sha: str, url: str, key: str = KEY, **options: Any) -> PushOutcome:
        on_line = options.pop("on_line", self.lines.append)
        with Repository.open(self.path, self.environment) as repository:
            return repository.push(sha, url, key=Secret(key), on_line=on_line, **options)


@pytest.fixture
def work(tmp_path: Path, environment: dict[str, str]) -> Work:
    path = tmp_path / "work"
    path.mkdir()
    made = Work(path, environment)
    made.git("init", "-q", "-b", "trunk")
    return made


def head_of(repository: Path, environment: dict[str, str], branch: str = "main") -> str:
    return run(["git", "rev-parse", branch], repository, environment)


def test_a_commit_is_pushed_to_main_whatever_is_checked_out(host: GitHost, work: Work) -> None:
    bare = host.create("shop")
    sha = work.commit("one")
    work.commit("two")

    outcome = work.push(sha, f"{host.url}/shop.git")

    assert outcome is PushOutcome.PUSHED
    assert head_of(bare, work.environment) == sha


def test_another_branch_can_be_named(host: GitHost, work: Work) -> None:
    bare = host.create("shop")
    sha = work.commit("one")

    work.push(sha, f"{host.url}/shop.git", branch="master")

    assert head_of(bare, work.environment, "master") == sha


def test_a_commit_that_is_there_already_is_up_to_date(host: GitHost, work: Work) -> None:
    host.create("shop")
    sha = work.commit("one")
    work.push(sha, f"{host.url}/shop.git")

    assert work.push(sha, f"{host.url}/shop.git") is PushOutcome.UP_TO_DATE


def test_the_key_is_sent_at_once_and_with_every_request(host: GitHost, work: Work) -> None:
    host.create("shop")

    work.push(work.commit("one"), f"{host.url}/shop.git")

    assert [path for path, _ in host.seen] == [
        "/shop.git/info/refs",
        "/shop.git/git-receive-pack",
    ]
    assert {sent for _, sent in host.seen} == {f"Basic {ENCODED}"}


def test_the_servers_lines_come_stripped_and_live(host: GitHost, work: Work) -> None:
    wait = host.root / "go"
    host.create(
        "shop",
        f"echo '-----> Python app detected'; echo; while ! [ -e {wait} ]; do :; done\n"
        "printf '       $ pip install\\n'; echo '  !     odd' >&2",
    )
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        wait.touch()  # the hook ends only because its first line has arrived

    outcome = work.push(work.commit("one"), f"{host.url}/shop.git", on_line=on_line)

    assert outcome is PushOutcome.PUSHED
    assert lines == ["-----> Python app detected", "", "       $ pip install", "  !     odd"]


def test_lines_that_look_like_progress_or_are_no_text_arrive_too(host: GitHost, work: Work) -> None:
    host.create("shop", "printf 'Compressing objects:  50%% (1/2)\\n\\351t\\351\\n'")

    work.push(work.commit("one"), f"{host.url}/shop.git")

    assert work.lines == ["Compressing objects:  50% (1/2)", "\ufffdt\ufffd"]


def test_a_line_of_the_server_without_end_is_cut(host: GitHost, work: Work) -> None:
    host.create("shop", "head -c 200000 /dev/zero | tr '\\0' x; printf '\\r1%%\\r2%%\\n'")

    work.push(work.commit("one"), f"{host.url}/shop.git")

    assert all(len(line) < LINE_LETTERS for line in work.lines)
    assert work.lines[-2:] == ["1%", "2%"]


def test_a_failed_build_is_declined_and_leaves_the_branch(host: GitHost, work: Work) -> None:
    bare = host.create("shop", "echo ' !     Push rejected, failed to compile.'; exit 1")

    outcome = work.push(work.commit("one"), f"{host.url}/shop.git")

    assert outcome is PushOutcome.DECLINED
    assert work.lines == [" !     Push rejected, failed to compile."]
    assert run(["git", "branch", "--list"], bare, work.environment) == ""


def test_what_the_server_said_of_a_push_it_refuses_is_in_the_error(
    host: GitHost, work: Work
) -> None:
    bare = host.create("shop", "echo ' !     Your account is suspended.'")
    sha = work.commit("one")
    host.during_push = (bare / "refs" / "heads" / "main.lock").touch

    with pytest.raises(AcceleratorError, match=r"\(Your account is suspended\.\)$"):
        work.push(sha, f"{host.url}/shop.git")


@pytest.mark.parametrize(
    ("force", "expected"),
    [
        pytest.param(True, PushOutcome.PUSHED, id="forced"),
        pytest.param(False, PushOutcome.NOT_FAST_FORWARD, id="not forced"),
    ],
)
def test_an_older_commit_replaces_a_newer_one_only_by_force(
    host: GitHost, work: Work, force: bool, expected: PushOutcome
) -> None:
    bare = host.create("shop")
    old, new = work.commit("one"), work.commit("two")
    work.push(new, f"{host.url}/shop.git")

    outcome = work.push(old, f"{host.url}/shop.git", force=force)

    assert outcome is expected
    assert head_of(bare, work.environment) == (old if force else new)


def test_a_commit_the_clone_does_not_know_the_base_of_is_no_fast_forward(
    host: GitHost, work: Work, tmp_path: Path
) -> None:
    host.create("shop")
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = Work(other, work.environment)
    elsewhere.git("init", "-q")
    elsewhere.push(elsewhere.commit("elsewhere"), f"{host.url}/shop.git")

    outcome = work.push(work.commit("one"), f"{host.url}/shop.git", force=False)

    assert outcome is PushOutcome.NOT_FAST_FORWARD


def test_a_push_that_lost_a_race_is_refused_with_the_servers_reason(
    host: GitHost, work: Work
) -> None:
    bare = host.create("shop", "")
    sha = work.commit("one")
    host.during_push = (bare / "refs" / "heads" / "main.lock").touch

    with pytest.raises(AcceleratorError, match=r"refused .*failed to update ref") as raised:
        work.push(sha, f"{host.url}/shop.git")

    assert raised.value.code == "request_invalid"


def test_a_shallow_clone_is_refused_before_anything_is_sent(
    host: GitHost, work: Work, tmp_path: Path
) -> None:
    host.create("shop")
    work.commit("one")
    sha = work.commit("two")
    work.git("clone", "-q", "--depth", "1", work.path.as_uri(), str(tmp_path / "shallow"))

    with pytest.raises(ShallowClone) as raised:
        Work(tmp_path / "shallow", work.environment).push(sha, f"{host.url}/shop.git")

    assert "git fetch --unshallow" in str(raised.value.hint)
    assert host.seen == []


def test_a_wrong_key_is_refused_and_not_shown(host: GitHost, work: Work) -> None:
    host.create("shop")

    with pytest.raises(KeyRefused, match=r"127\.0\.0\.1") as raised:
        work.push(work.commit("one"), f"{host.url}/shop.git", key="wr0ng-key")

    assert "wr0ng-key" not in f"{raised.value} {raised.value.hint} {raised.value.__cause__}"


def test_an_unknown_app_is_not_found(host: GitHost, work: Work) -> None:
    with pytest.raises(NotFound, match=r"/shop\.git"):
        work.push(work.commit("one"), f"{host.url}/shop.git")


@pytest.mark.parametrize(
    "sha",
    [
        pytest.param("1" * 40, id="a sha that is not here"),
        pytest.param("0" * 40, id="zeros, which would delete"),
        pytest.param("", id="nothing, which would delete"),
        pytest.param("HEAD", id="a name"),
    ],
)
def test_only_a_commit_of_this_clone_is_pushed(host: GitHost, work: Work, sha: str) -> None:
    bare = host.create("shop")
    first = work.commit("one")
    work.push(first, f"{host.url}/shop.git")
    host.seen.clear()

    with pytest.raises(NotFound):
        work.push(sha, f"{host.url}/shop.git")

    assert head_of(bare, work.environment) == first
    assert host.seen == []


def test_nobody_at_the_address_is_unreachable(work: Work) -> None:
    sha = work.commit("one")
    with deaf_port() as port, pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        work.push(sha, f"http://127.0.0.1:{port}/shop.git")


STATUSES = [
    pytest.param("refs", 503, Unreachable, id="503 before the push"),
    pytest.param("refs", 429, RateLimited, id="too many requests"),
    pytest.param("refs", 403, KeyRefused, id="not allowed"),
    pytest.param("git-receive-pack", 500, OutcomeUnknown, id="500 in the middle"),
]


@pytest.mark.parametrize(("part", "status", "error"), STATUSES)
def test_an_error_of_the_server_says_whether_anything_may_have_happened(
    host: GitHost, work: Work, part: str, status: int, error: type[AcceleratorError]
) -> None:
    host.create("shop")
    host.answers[part] = status

    with pytest.raises(error):
        work.push(work.commit("one"), f"{host.url}/shop.git")


def test_a_push_past_its_deadline_is_ended_with_an_unknown_outcome(
    host: GitHost, work: Work
) -> None:
    go = host.root / "go"
    host.create("shop", f"echo building; while ! [ -e {go} ]; do sleep 0.05; done")

    try:
        with pytest.raises(OutcomeUnknown, match="within 1 seconds"):
            work.push(work.commit("one"), f"{host.url}/shop.git", timeout_seconds=1)
    finally:
        go.touch()


# Secrets and surroundings


def test_the_key_is_in_no_argument_file_or_line_during_a_push(host: GitHost, work: Work) -> None:
    host.create("shop", f"echo 'key {KEY} and {ENCODED}'")
    sha = work.commit("one")
    arguments: list[str] = []
    host.during_push = lambda: arguments.append(
        run(["ps", "axww", "-o", "args"], work.path, work.environment)
    )
    before = (work.path / ".git" / "config").read_bytes()

    work.push(sha, f"{host.url}/shop.git")

    assert f"/shop.git {sha}:refs/heads/main" in arguments[0]
    assert KEY not in arguments[0]
    assert ENCODED not in arguments[0]
    assert work.lines == ["key *** and ***"]
    assert (work.path / ".git" / "config").read_bytes() == before
    assert work.git("remote") == ""
    for file in (path for path in work.path.rglob("*") if path.is_file()):
        assert KEY.encode() not in file.read_bytes()
        assert ENCODED.encode() not in file.read_bytes()


def test_gits_own_tracing_does_not_print_the_key(host: GitHost, work: Work, tmp_path: Path) -> None:
    host.create("shop")
    traces = {name: tmp_path / name for name in ("GIT_TRACE_CURL", "GIT_TRACE2_EVENT", "GIT_TRACE")}
    work.environment |= {name: str(path) for name, path in traces.items()}
    work.environment |= {
        "GIT_TRACE_REDACT": "0",
        "GIT_TRACE2_CONFIG_PARAMS": "http.*",
        "GIT_TRACE2_ENV_VARS": ",".join(f"GIT_CONFIG_VALUE_{number}" for number in range(20)),
    }

    work.push(work.commit("one"), f"{host.url}/shop.git")

    for path in traces.values():
        assert path.stat().st_size > 0
        assert ENCODED not in path.read_text()


def test_traces_by_configuration_do_not_print_the_key_either(
    host: GitHost, work: Work, tmp_path: Path
) -> None:
    host.create("shop")
    sha = work.commit("one")
    numbers = ",".join(f"GIT_CONFIG_VALUE_{number}" for number in range(20))
    work.git("config", "--global", "trace2.configParams", "http.*")
    work.git("config", "--global", "trace2.envVars", numbers)
    work.git("config", "--global", "trace2.eventTarget", str(tmp_path / "trace"))

    work.push(sha, f"{host.url}/shop.git")

    assert "remote-http" in (tmp_path / "trace").read_text()
    assert ENCODED not in (tmp_path / "trace").read_text()


def test_configuration_given_by_the_environment_is_kept(host: GitHost, work: Work) -> None:
    host.create("shop")
    work.environment |= {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "http.userAgent",
        "GIT_CONFIG_VALUE_0": "mine",
        "GIT_CONFIG_KEY_1": f"http.{host.url}/shop.git.extraHeader",
        "GIT_CONFIG_VALUE_1": "Authorization: Basic somebodyelse",
    }

    work.push(work.commit("one"), f"{host.url}/shop.git")

    assert {sent for _, sent in host.seen} == {f"Basic {ENCODED}"}
    assert host.agents == {"mine"}


@pytest.mark.parametrize("rule", ["insteadOf", "pushInsteadOf"])
@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("scope", ["--global", "--local"])
def test_a_push_goes_where_it_was_meant_to_whatever_addresses_are_rewritten(
    host: GitHost, work: Work, tmp_path: Path, rule: str, exactly: bool, scope: str
) -> None:
    bare = host.create("shop")
    sha = work.commit("one")
    stray = tmp_path / "stray.git"
    work.git("init", "-q", "--bare", str(stray))
    meant = f"{host.url}/shop.git" if exactly else "http://"
    for prefix in (meant, "accelerator://"):
        work.git("config", "--add", scope, f"url.{stray}.{rule}", prefix)

    assert work.push(sha, f"{host.url}/shop.git") is PushOutcome.PUSHED

    assert head_of(bare, work.environment) == sha
    assert run(["git", "branch", "-a"], stray, work.environment) == ""


def test_helpers_hooks_and_tags_have_no_part_in_a_push(
    host: GitHost, work: Work, tmp_path: Path
) -> None:
    bare = host.create("shop")
    sha = work.commit("one")
    work.git("tag", "-a", "v1", "-m", "v1")
    touched = tmp_path / "touched"
    work.git("config", "--global", "credential.helper", f"!touch {touched}; :")
    helper = f"credential.{urlsplit(host.url).scheme}://{urlsplit(host.url).netloc}.helper"
    work.git("config", "--global", helper, f"!touch {touched}; :")
    work.git("config", "--global", "push.followTags", "true")
    work.git("config", "--global", "push.pushOption", "ci.skip")
    hook = work.path / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {touched}; exit 1\n")
    hook.chmod(0o755)
    other = work.commit("two")
    shutil.copy(hook, hook.with_name("reference-transaction"))
    work.git("config", "remote.origin.url", f"{host.url}/shop.git")
    work.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")

    work.push(sha, f"{host.url}/shop.git")
    with pytest.raises(KeyRefused):
        work.push(other, f"{host.url}/shop.git", key="wrong")

    assert not touched.exists()
    assert run(["git", "tag"], bare, work.environment) == ""


def test_herokus_hourly_limit_is_named_with_its_end(host: GitHost, work: Work) -> None:
    host.create("shop")
    host.answers["refs"] = 429

    with pytest.raises(RateLimited, match=r"hourly limit .* it ends within the hour"):
        work.push(work.commit("one"), f"{host.url}/shop.git")
