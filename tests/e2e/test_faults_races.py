"""Deploys beside one another, locks that nobody holds any more, and news at a bad moment."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import LOCK_EXPIRED_SECONDS, count_releases, let_locks_expire, prepare
from tests.e2e.servers import Forwarder, Heard, Listener, Reply
from tests.e2e.world import eventually

if TYPE_CHECKING:
    from tests.e2e.commands import Command, Result
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def served_in_order(platform: Platform, pipeline: Pipeline) -> list[str]:
    """Return the commits of the releases on staging, oldest first."""
    releases = [each for each in reversed(pipeline.staging.releases) if each["slug"]]
    path = f"/apps/{pipeline.staging.name}/slugs/"
    return [platform.api("GET", path + each["slug"]["id"])["commit"] for each in releases]


def check_race(results: list[Result], commits: list[str], served: list[str]) -> None:
    """Assert that each deploy shipped or was overtaken, and that staging never went backwards."""
    ended = {result.exit_code for result in results}
    assert ended <= {0, 3}, [result.told for result in results if result.exit_code not in {0, 3}]
    for result in results:
        if result.exit_code == 3:
            assert result.document["reason"] == "superseded"
    shipped = [c for c, result in zip(commits, results, strict=True) if result.exit_code == 0]
    assert served == [commit for commit in commits if commit in served]
    assert set(served) == set(shipped)
    assert served[-1] == commits[-1]


@pytest.fixture
def shared(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The option for a lock remote that compares and swaps, unlike Heroku's."""
    remote = tmp_path_factory.mktemp("locks") / "locks.git"
    repo.git("init", "--quiet", "--bare", str(remote))
    return "--lock-remote", f"file://{remote}"


def test_two_deploys_at_once_leave_the_newer_commit(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, shared: tuple[str, str]
) -> None:
    commits = [prepare(pipeline, repo, run, text) for text in ("one", "two")]
    how = ("deploy", *pipeline.to_staging, *shared, "--json", "--commit")

    started = [run.start(*how, commit) for commit in reversed(commits)]
    results = [each.finish() for each in started][::-1]

    check_race(results, commits, served_in_order(heroku, pipeline))


@pytest.mark.slow
def test_twenty_deploys_at_once_never_go_backwards(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    shared: tuple[str, str],
) -> None:
    commits = [prepare(pipeline, repo, run, str(number)) for number in range(20)]
    locked = ("--lock", "required", "--lock-wait", "10m", *shared)
    how = ("deploy", *pipeline.to_staging, *locked, "--json", "--commit")
    mixed = [commits[(7 * number) % 20] for number in range(20)]

    started = {commit: run.start(*how, commit) for commit in mixed}
    results = {commit: each.finish(limit=600) for commit, each in started.items()}

    ordered = [results[commit] for commit in commits]
    check_race(ordered, commits, served_in_order(heroku, pipeline))


@pytest.mark.usefixtures("heroku")
def test_the_same_commit_twice_at_once_makes_one_release(
    pipeline: Pipeline, repo: Repository, run: Command, shared: tuple[str, str]
) -> None:
    prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    how = ("deploy", *pipeline.to_staging, *shared, "--json")

    started = [run.start(*how) for _ in range(2)]
    results = [each.finish() for each in started]

    assert [result.exit_code for result in results] == [0, 0], [each.told for each in results]
    assert count_releases(pipeline.staging) == before + 1


@pytest.mark.usefixtures("heroku")
def test_a_miss_deployed_twice_at_once_is_built_once(
    pipeline: Pipeline, repo: Repository, run: Command, shared: tuple[str, str]
) -> None:
    commit = repo.commit()
    before = count_releases(pipeline.staging)
    how = ("deploy", *pipeline.to_staging, *shared, "--json")

    started = [run.start(*how) for _ in range(2)]
    results = [each.finish() for each in started]

    assert [result.exit_code for result in results] == [0, 0], [each.told for each in results]
    assert [build["source_blob"]["version"] for build in pipeline.staging.builds] == [commit]
    assert count_releases(pipeline.staging) == before + 1


def test_a_push_that_lands_between_compare_and_promote_changes_nothing(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    environment: dict[str, str],
) -> None:
    wanted = prepare(pipeline, repo, run, "wanted")
    repo.commit({"text": "newer"})
    landed: list[Result] = []

    def land(heard: Heard) -> None:
        if heard.path == "/pipeline-promotions" and not landed:
            landed.append(run("prepare", "--app", pipeline.prepare.name, "--json"))

    with Listener(Forwarder(heroku.url, land)) as between:
        env = {**environment, "HEROKU_HOST": between.url, "ACCELERATOR_LOCK": "off"}
        result = run("deploy", *pipeline.to_staging, "--commit", wanted, "--json", env=env)

    landed[0].check(0)
    assert result.check(0)["reason"] == "prepared"
    assert pipeline.prepare.commit != wanted
    assert pipeline.staging.commit == wanted


def git_options(heroku: Platform) -> tuple[str, str]:
    """Return git options that authenticate, to be followed by a command and `git_url`."""
    credential = base64.b64encode(f":{heroku.key}".encode()).decode()
    return "-c", f"http.extraHeader=Authorization: Basic {credential}"


def git_url(heroku: Platform, pipeline: Pipeline) -> str:
    """Return the address of the prepare app's git repository."""
    return f"{heroku.url}/{pipeline.prepare.name}.git"


def lock_ref(pipeline: Pipeline) -> str:
    """Return the ref of staging's lock."""
    return f"refs/heads/accelerator/lock/{pipeline.staging.name}"


@pytest.mark.parametrize(
    ("when", "route"),
    [
        pytest.param("before", "promote", id="that had promoted nothing"),
        pytest.param("after", "live", id="that had promoted", marks=pytest.mark.slow),
    ],
)
def test_the_lock_of_a_dead_holder_ends_by_itself(
    when: str, route: str, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    heroku.fault("POST", "^/pipeline-promotions$", kind="hang", when=when)
    holder = run.start("deploy", *pipeline.to_staging, "--json")
    eventually(lambda: heroku.control("GET", "faults")[0]["matched"])
    holder.process.kill()
    holder.finish()
    heroku.control("DELETE", "faults")

    waited = run("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")
    let_locks_expire(heroku)
    taken = run("deploy", *pipeline.to_staging, "--json")

    assert waited.check(3)["reason"] == "locked"
    assert "cut short" in taken.stderr
    assert taken.check(0)["route"] == route
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)
    left = repo.git(*git_options(heroku), "ls-remote", git_url(heroku, pipeline))
    assert "accelerator/lock" not in left


@pytest.mark.slow
def test_a_lock_that_cannot_be_read_stops_everybody_until_it_is_removed(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    where = f"{commit}:{lock_ref(pipeline)}"
    repo.git(*git_options(heroku), "push", git_url(heroku, pipeline), where)

    with heroku.watching() as journal:
        refused = run("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")
        sent = journal().writes
    run("unlock", pipeline.staging.name, "--from", pipeline.prepare.name)
    passed = run("deploy", *pipeline.to_staging, "--json")

    document = refused.check(3)
    assert "cannot be read" in document["error"]["message"]
    assert "accelerator unlock" in document["error"]["hint"]
    assert sent == []
    passed.check(0)
    assert pipeline.staging.commit == commit


READ, PUSH = ("/info/refs$", "GET"), ("/git-receive-pack$", "POST")


@pytest.mark.parametrize("mode", ["auto", "off", "required"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param(READ, 403, id="no access at all"),
        pytest.param(READ, 503, id="in trouble"),
        pytest.param(PUSH, 403, id="a push that is refused"),
    ],
)
def test_a_remote_that_does_not_say_what_stands_there_lets_nothing_through(
    *,
    asked: tuple[str, str],
    status: int,
    mode: str,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    prepare(pipeline, repo, run)
    path, method = asked
    heroku.fault(method, path, kind="status", status=status)
    how = ("--lock", mode, "--lock-remote", "heroku", "--timeout", "10s", "--json")

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, *how)

    if (asked, mode) == (PUSH, "off"):  # it takes none, and what stands there can be read
        result.check(0)
        return
    assert result.check(3)["error"]["code"] == "lock_unavailable"
    assert journal().writes == []
    assert "going on without" not in result.stderr


@pytest.mark.parametrize(
    ("mode", "exit_code"),
    [pytest.param("auto", 0, id="auto goes on"), pytest.param("required", 3, id="required stops")],
)
def test_a_remote_that_takes_no_such_refs_has_no_locks(
    *,
    mode: str,
    exit_code: int,
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    prepare(pipeline, repo, run)
    remote = tmp_path_factory.mktemp("locks") / "locks.git"
    repo.git("init", "--quiet", "--bare", str(remote))
    repo.git("--git-dir", str(remote), "config", "transfer.hideRefs", "refs/accelerator")
    where = ("--lock-remote", f"file://{remote}", "--lock", mode, "--json")

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, *where)

    document = result.check(exit_code)
    assert ("going on without a lock" in result.stderr) is (mode == "auto")
    assert document["lock"] == "none"
    assert len(journal().writes) == (1 if mode == "auto" else 0)


def test_locks_may_be_kept_in_another_repository(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    shared: tuple[str, str],
) -> None:
    prepare(pipeline, repo, run)
    where = (*shared, "--lock", "required", "--json")
    run("lock", pipeline.staging.name, *where[:2])

    with heroku.watching() as journal:
        refused = run("deploy", *pipeline.to_staging, *where, "--lock-wait", "1s")
        run("unlock", pipeline.staging.name, *where[:2])
        passed = run("deploy", *pipeline.to_staging, *where)

    assert refused.check(3)["reason"] == "locked"
    passed.check(0)
    assert journal().pushes == []


def test_the_clock_of_the_runner_has_no_say_in_when_a_lock_ends(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    # The platform's clock is moved ahead, which is as if this machine's were behind.
    prepare(pipeline, repo, run)
    heroku.control("POST", "clock", {"advance_seconds": 10 * LOCK_EXPIRED_SECONDS})
    run("lock", pipeline.staging.name, "--from", pipeline.prepare.name, "--for", "10m")

    refused = run("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")

    assert refused.check(3)["reason"] == "locked"


def test_a_write_that_a_read_does_not_show_yet_is_waited_for(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    environment: dict[str, str],
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    path = f"/apps/{pipeline.staging.name}/releases"
    stale: list[Reply] = []
    promoted: list[str] = []
    forward = Forwarder(heroku.url)

    def answer(heard: Heard) -> Reply:
        reply = forward(heard)
        if heard.path == "/pipeline-promotions":
            promoted.append(heard.path)
            return Reply(502, b"lost")
        if heard.path == path and len(stale) < 4:
            if not promoted:
                stale[:] = [reply]
                return reply
            stale.append(reply)
            return stale[0]
        return reply

    with Listener(answer) as between:
        env = {**environment, "HEROKU_HOST": between.url, "ACCELERATOR_LOCK": "off"}
        result = run("deploy", *pipeline.to_staging, "--json", env=env)

    result.check(0)
    assert len(stale) == 4
    assert promoted == ["/pipeline-promotions"]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)
