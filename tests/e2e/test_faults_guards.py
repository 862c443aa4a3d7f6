"""Guards: what may not be shipped over what, by whom, and while what is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


@pytest.fixture
def overtaken(pipeline: Pipeline, repo: Repository, run: Command) -> str:
    """An older commit, prepared, where staging runs a newer one already."""
    older = prepare(pipeline, repo, run, "older")
    prepare(pipeline, repo, run, "newer")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    return older


def mark(run: Command, pipeline: Pipeline, command: str, *how: str) -> dict[str, object]:
    """Set or take away a mark on staging."""
    result = run(command, pipeline.staging.name, "--from", pipeline.prepare.name, *how, "--json")
    assert result.exit_code == 0, result.told
    return result.document


def test_an_older_commit_that_arrives_last_is_refused(
    heroku: Platform, pipeline: Pipeline, run: Command, overtaken: str
) -> None:
    serving = pipeline.staging.current["id"]

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--commit", overtaken, "--json")

    document = result.check(3)
    assert (document["reason"], document["error"]["code"]) == ("superseded", "refused")
    assert journal().writes == []
    assert pipeline.staging.current["id"] == serving


def test_a_late_job_may_be_green_and_does_nothing(
    heroku: Platform, pipeline: Pipeline, run: Command, overtaken: str
) -> None:
    how = ("--commit", overtaken, "--on-superseded", "ok", "--json")
    serving = pipeline.staging.current["id"]

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, *how)

    document = result.check(0)
    assert document["reason"] == "superseded"
    [target] = document["targets"]
    assert (target["status"], target["refusal"]) == ("skipped", "superseded")
    assert target["serving"]["release"] == pipeline.staging.current["version"]
    assert "no release" not in result.stderr
    assert journal().writes == []
    assert pipeline.staging.current["id"] == serving


def test_going_back_on_purpose_is_allowed_and_said(
    pipeline: Pipeline, run: Command, overtaken: str
) -> None:
    how = ("--commit", overtaken, "--allow-older", "--json")

    result = run("deploy", *pipeline.to_staging, *how)

    assert result.check(0)["route"] == "promote"
    assert "warning" in result.stderr
    assert pipeline.staging.commit == overtaken


@pytest.mark.parametrize(
    ("flags", "exit_code"),
    [
        pytest.param((), 3, id="refused"),
        pytest.param(("--allow-diverged",), 0, id="allowed on purpose", marks=pytest.mark.slow),
    ],
)
def test_a_commit_on_another_line(
    flags: tuple[str, ...], exit_code: int, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    base = repo.commit({"text": "base"})
    repo.commit({"text": "served"})
    run("deploy", *pipeline.to_staging, "--json").check(0)
    repo.git("checkout", "--quiet", "-b", "other", base)
    other = prepare(pipeline, repo, run, "other")

    result = run("deploy", *pipeline.to_staging, *flags, "--json")

    document = result.check(exit_code)
    assert (document["reason"] == "diverged") is (exit_code == 3)
    assert (pipeline.staging.commit == other) is (exit_code == 0)


def test_what_a_shallow_clone_cannot_tell_is_said_and_under_strict_refused(
    pipeline: Pipeline, repo: Repository, run: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo.commit({"text": "first"})
    run("deploy", *pipeline.to_staging, "--json").check(0)
    prepare(pipeline, repo, run, "second")
    shallow = repo.clone(tmp_path_factory.mktemp("clone") / "shallow", "--depth", "1")
    shallow.git("remote", "set-url", "origin", "file:///nowhere")
    how = ("deploy", *pipeline.to_staging, "--json")

    strict = run(*how, "--strict", cwd=shallow.directory)
    lenient = run(*how, cwd=shallow.directory)

    assert strict.check(3)["reason"] == "ancestry_unknown"
    lenient.check(0)
    assert "cannot be told" in lenient.stderr


def test_code_of_which_nobody_can_tell_the_commit_is_no_first_deploy(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit({"text": "first"})
    run("deploy", *pipeline.to_staging, "--json").check(0)
    commit = prepare(pipeline, repo, run, "second")
    at = f"/apps/{pipeline.staging.name}"
    heroku.fault(
        "GET", f"{at}/slugs/{pipeline.staging.slug_id}", kind="edited", set={"commit": None}
    )
    heroku.fault("GET", f"{at}/builds$", kind="status", status=403)
    how = ("deploy", *pipeline.to_staging, "--json")

    strict = run(*how, "--strict")
    lenient = run(*how)

    assert strict.check(3)["reason"] == "ancestry_unknown"
    assert "names no commit" in strict.document["error"]["message"]
    lenient.check(0)
    assert "than what" in lenient.stderr
    assert "cannot be told" in lenient.stderr
    assert pipeline.staging.commit == commit


def test_a_frozen_target_takes_nothing_until_it_is_unfrozen(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    assert mark(run, pipeline, "freeze", "--reason", "audit")["changed"] is True

    with heroku.watching() as journal:
        refused = run("deploy", *pipeline.to_staging, "--json")
        sent = journal().writes
    mark(run, pipeline, "unfreeze")
    passed = run("deploy", *pipeline.to_staging, "--json")

    document = refused.check(3)
    assert document["reason"] == "frozen"
    assert "audit" in document["error"]["message"]
    assert sent == []
    passed.check(0)
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


def test_a_rejected_commit_stays_away_until_it_is_accepted_and_others_pass(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    bad = prepare(pipeline, repo, run, "bad")
    mark(run, pipeline, "reject", "--commit", bad, "--reason", "it leaks")

    refused = run("deploy", *pipeline.to_staging, "--json")
    mark(run, pipeline, "accept", "--commit", bad)
    accepted = run("deploy", *pipeline.to_staging, "--json")
    mark(run, pipeline, "reject", "--commit", "f" * 40, "--reason", "another one")
    prepare(pipeline, repo, run, "good")
    other = run("deploy", *pipeline.to_staging, "--json")

    document = refused.check(3)
    assert document["reason"] == "rejected"
    assert "it leaks" in document["error"]["message"]
    accepted.check(0)
    other.check(0)


@pytest.mark.slow
def test_an_automatic_rollback_rejects_the_commit_for_that_target(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "good")
    run("deploy", *pipeline.route, "--json").check(0)
    broken = repo.commit({"broken": "yes"})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    smoke = ("--smoke", "/health", "--json")

    failed = run("deploy", *pipeline.to_staging, *smoke)
    before = count_releases(pipeline.staging)
    again = run("deploy", *pipeline.to_staging, *smoke)
    elsewhere = run("deploy", *pipeline.to_staging[:3], pipeline.production.name, "--json")

    failed.check(6)
    assert f"accept {pipeline.staging.name} --commit {broken[:8]} --from" in failed.stderr
    assert again.check(3)["reason"] == "rejected"
    assert count_releases(pipeline.staging) == before
    elsewhere.check(0)
    assert pipeline.production.commit == broken


def test_a_locked_target_is_waited_for_and_then_refused_with_the_holder(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    mark(run, pipeline, "lock", "--reason", "maintenance")

    with heroku.watching() as journal:
        refused = run("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")
        sent = journal().writes
    mark(run, pipeline, "unlock")
    passed = run("deploy", *pipeline.to_staging, "--json")

    document = refused.check(3)
    assert document["reason"] == "locked"
    assert "maintenance" in document["error"]["message"]
    assert sent == []
    passed.check(0)


@pytest.mark.parametrize(
    ("is_prepared", "route"),
    [pytest.param(True, "promote", id="a hit"), pytest.param(False, "build", id="a miss")],
)
def test_a_plan_writes_nothing_and_names_what_the_deploy_then_writes(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    *,
    is_prepared: bool,
    route: str,
) -> None:
    if is_prepared:
        prepare(pipeline, repo, run)
    else:
        repo.commit()

    with heroku.watching() as planning:
        plan = run("deploy", *pipeline.to_staging, "--plan", "--json").check(0)
        assert (planning().writes, planning().pushes) == ([], [])
    with heroku.watching() as deploying:
        run("deploy", *pipeline.to_staging, "--json").check(0)

    assert plan["route"] == route
    assert [target["status"] for target in plan["targets"]] == ["pending"]
    calls = [(call["method"], call["path"]) for call in plan["plan"]["calls"]]
    pushes = [call for call in calls if call[0] == "git push"]
    assert [" ".join(call) for call in calls if call[0] == "POST"] == deploying().writes
    assert len(pushes) == len(deploying().pushes)
    outcomes = {check["name"]: check["outcome"] for check in plan["plan"]["checks"]}
    assert (outcomes["lock"], outcomes["direction"]) == ("ok", "ok")


@pytest.mark.parametrize("command", ["freeze", pytest.param("lock", marks=pytest.mark.slow)])
def test_a_mark_may_name_the_stage(
    command: str, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    how = ("staging", "--from", pipeline.prepare.name, "--reason", "audit", "--json")

    marked = run(command, *how)
    refused = run("deploy", *pipeline.to_staging, "--lock-wait", "1s", "--json")

    assert marked.document["target"] == pipeline.staging.name
    assert refused.check(3)["reason"] == ("frozen" if command == "freeze" else "locked")


def test_an_unfinished_deploy_is_resumed_by_the_name_of_its_target(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    heroku.fault("POST", "^/pipeline-promotions$", kind="reset", occurrences=[1])
    run("deploy", *pipeline.to_staging, "--json").check(9)
    repo.commit({"text": "something newer is checked out by now"})

    where = ("--from", pipeline.prepare.name, "--json")
    resumed = run("resume", "staging", *where, "--commit", commit[:12])
    nothing = run("resume", "--app", pipeline.staging.name, *where)

    assert resumed.exit_code == 0, resumed.told
    assert resumed.document["commit"] == commit
    assert pipeline.staging.commit == commit
    assert nothing.exit_code == 12


@pytest.mark.slow
def test_a_resumed_deploy_that_came_too_late_goes_back_only_where_that_is_allowed(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    late = prepare(pipeline, repo, run)
    heroku.fault("POST", "^/pipeline-promotions$", kind="reset", occurrences=[1])
    run("deploy", *pipeline.to_staging, "--json").check(9)
    newer = prepare(pipeline, repo, run, "newer")
    run("deploy", *pipeline.to_staging, "--lock", "off", "--json").check(0)
    confirmed = ("--confirm", pipeline.staging.name, "--json")
    resume = ("resume", "staging", "--from", pipeline.prepare.name, *confirmed)

    refused = run(*resume)
    stands = pipeline.staging.commit
    allowed = run(*resume, "--allow-older")

    told = refused.check(3)
    assert (told["reason"], stands) == ("superseded", newer)
    assert "--allow-older" in told["error"]["hint"]
    assert allowed.check(0)["commit"] == late
    assert pipeline.staging.commit == late


@pytest.mark.slow
def test_a_plan_locks_what_the_deploy_locks_when_one_target_has_the_commit(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    run("deploy", *pipeline.to_staging, "--json").check(0)

    plan = run("deploy", *pipeline.route, "--plan", "--json").check(0)
    with heroku.watching() as deploying:
        run("deploy", *pipeline.route, "--json").check(0)

    calls = [(call["method"], call["path"]) for call in plan["plan"]["calls"]]
    pushes = [path for method, path in calls if method == "git push"]
    assert len(pushes) == len(deploying().pushes) == 4
    assert [" ".join(call) for call in calls if call[0] == "POST"] == deploying().writes


@pytest.fixture
def locks(tmp_path_factory: pytest.TempPathFactory, repo: Repository) -> Path:
    """Make a repository for locks, as a project's own git host has one."""
    remote = tmp_path_factory.mktemp("locks") / "locks.git"
    repo.git("init", "--quiet", "--bare", str(remote))
    return remote


def test_a_freeze_holds_whatever_keeps_the_lock_remote_from_being_read(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
    environment: dict[str, str],
    locks: Path,
) -> None:
    prepare(pipeline, repo, run)
    where = ("--lock-remote", f"file://{locks}")
    run("freeze", pipeline.staging.name, "--reason", "audit", *where)
    broken = locks.parent / "gitconfig"
    broken.write_text("[init]\n\tdefaultBranch = bad..name\n")
    surroundings = {
        "a bad default branch": {"GIT_CONFIG_GLOBAL": str(broken)},
        "a repository from around": {"GIT_DIR": str(locks.parent / "nowhere")},
    }

    with heroku.watching() as journal:
        ends = {
            (name, mode): run(
                "deploy", *pipeline.to_staging, *where, "--lock", mode, env=environment | added
            ).exit_code
            for name, added in surroundings.items()
            for mode in ("auto", "off")
        }

    assert set(ends.values()) == {3}, ends
    assert journal().writes == []


def test_a_lock_taken_away_while_verifying_stops_the_rollback(
    pipeline: Pipeline, repo: Repository, run: Command, locks: Path
) -> None:
    where = ("--lock-remote", f"file://{locks}", "--lock", "required", "--json")
    prepare(pipeline, repo, run, "good")
    run("deploy", *pipeline.to_staging, *where).check(0)
    prepare(pipeline, repo, run, "bad")
    take_away = f"git --git-dir {locks} update-ref -d refs/accelerator/lock/{pipeline.staging.name}"
    before = count_releases(pipeline.staging)

    result = run("deploy", *pipeline.to_staging, *where, "--smoke", f"$ {take_away}; false")

    document = result.check(7)
    assert "not rolled back, as the lock of" in document["error"]["message"]
    assert document["lock"] == "held"
    assert count_releases(pipeline.staging) == before + 1
    assert repo.git("--git-dir", str(locks), "for-each-ref") == ""


def test_required_locks_are_not_kept_where_two_can_have_them_unless_that_is_written(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    how = ("deploy", *pipeline.to_staging, "--lock", "required", "--json")

    with heroku.watching() as journal:
        refused = run(*how)
        asked = journal()
    passed = run(*how, "--lock-remote", "heroku")

    document = refused.check(2)
    assert 'lock_remote = "heroku"' in document["error"]["hint"]
    assert asked == ()
    assert passed.check(0)["lock"] == "advisory"
