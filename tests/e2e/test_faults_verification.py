"""Releases that do not do what they should, and ways back that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import count_releases, prepare
from tests.e2e.sample import BROKEN, WEB, Repository
from tests.e2e.servers import Heard, Listener, Reply

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.world import Pipeline, Platform

SLOW = pytest.mark.slow
MONTH_SECONDS = 31 * 86400
HEALTH = ("--smoke", "/health", "--json")


@pytest.fixture
def broken(pipeline: Pipeline, repo: Repository, run: Command) -> str:
    """A broken commit, prepared, where staging runs a sound one."""
    prepare(pipeline, repo, run, "sound")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    commit = repo.commit(BROKEN)
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    return commit


def test_a_smoke_check_may_flap_until_it_holds(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    answers = [500, 200, 500, 200, 200]
    env = {"ACCELERATOR_DEADLINES_SMOKE_DEADLINE": "60s"}

    with Listener(lambda _: Reply(answers.pop(0) if answers else 200)) as site:
        smoke = f"3x {site.url}/health"
        result = run("deploy", *pipeline.to_staging, "--smoke", smoke, "--json", env=env)

    assert result.check(0)["targets"][0]["verified"] == "passed"
    assert len(site.heard) == 6


def test_a_smoke_check_that_goes_on_flapping_fails_also_after_the_way_back(
    pipeline: Pipeline, run: Command, broken: str
) -> None:
    before = count_releases(pipeline.staging)

    with Listener(lambda _: Reply(500 if len(site.heard) % 2 else 200)) as site:
        smoke = f"2x {site.url}/health"
        result = run("deploy", *pipeline.to_staging, "--smoke", smoke, "--json")

    document = result.check(7)
    assert "fails as well" in document["error"]["message"]
    assert document["targets"][0]["verified"] == "failed"
    assert count_releases(pipeline.staging) == before + 2
    assert pipeline.staging.commit != broken


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        pytest.param("POST", "/releases$", 422, "the rollback failed too", id="refused"),
        pytest.param("GET", "/slugs/", 404, "has expired", id="the old code has expired"),
    ],
)
def test_a_way_back_that_is_none_is_told_and_the_new_code_stays(
    *,
    method: str,
    path: str,
    status: int,
    says: str,
    heroku: Platform,
    pipeline: Pipeline,
    run: Command,
    broken: str,
) -> None:
    before = count_releases(pipeline.staging)
    where = f"^/apps/{pipeline.staging.name}{path}"
    heroku.fault(method, where, kind="status", status=status, id="not_found", message="gone")

    result = run("deploy", *pipeline.to_staging, *HEALTH)

    document = result.check(7)
    assert says in document["error"]["message"]
    assert document["targets"][0]["rolled_back_to"] is None
    heroku.reset()
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (broken, before + 1)


@pytest.mark.slow
def test_code_that_expired_during_the_deploy_is_no_way_back(
    heroku: Platform, pipeline: Pipeline, run: Command, broken: str
) -> None:
    before = count_releases(pipeline.staging)
    holders = (pipeline.prepare, pipeline.staging)  # both have a release of the code of before
    for app in holders:
        heroku.api("PATCH", f"/apps/{app.name}/formation/web", {"quantity": 0})
    made: list[int] = []

    def answer(_: Heard) -> Reply:
        if not made:  # enough releases, and old enough: now the code of before is gone
            for number in range(40):
                holders[number % 2].set_config(NUMBER=str(number))
            heroku.control("POST", "clock", {"advance_seconds": MONTH_SECONDS})
            made.append(count_releases(pipeline.staging))
        return Reply(500)

    with Listener(answer) as site:
        smoke = ("--smoke", f"{site.url}/", "--lock", "off", "--json")
        result = run("deploy", *pipeline.to_staging, *smoke)

    document = result.check(7)
    assert "has expired" in document["error"]["message"]
    assert document["targets"][0]["rolled_back_to"] is None
    assert made == [before + 21]
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (broken, before + 21)


def test_a_config_change_between_deploy_and_rollback_is_kept(
    heroku: Platform, pipeline: Pipeline, run: Command, broken: str
) -> None:
    changed: list[str] = []
    before = count_releases(pipeline.staging)

    def answer(_: Heard) -> Reply:
        is_new = pipeline.staging.commit == broken
        if is_new and not changed:
            pipeline.staging.set_config(ADDED="meanwhile")
            changed.append("ADDED")
        return Reply(500 if is_new else 200)

    with Listener(answer) as site:
        result = run("deploy", *pipeline.to_staging, "--smoke", f"{site.url}/", "--json")

    [target] = result.check(6)["targets"]
    assert (target["rolled_back_to"], target["release"]) == (before, before + 1)
    assert count_releases(pipeline.staging) == before + 3  # ours, the config change, the way back
    assert changed == ["ADDED"]
    config = heroku.api("GET", f"/apps/{pipeline.staging.name}/config-vars")
    assert config["ADDED"] == "meanwhile"
    assert pipeline.staging.commit != broken


@pytest.mark.usefixtures("broken")
def test_what_somebody_else_released_meanwhile_is_not_rolled_back(
    heroku: Platform, pipeline: Pipeline, run: Command
) -> None:
    old = pipeline.staging.slug_id
    taken: list[str] = []

    def answer(_: Heard) -> Reply:
        if not taken:
            path = f"/apps/{pipeline.staging.name}/releases"
            taken.append(heroku.api("POST", path, {"slug": old})["id"])
        return Reply(500)

    with Listener(answer) as site:
        result = run("deploy", *pipeline.to_staging, "--smoke", f"{site.url}/", "--json")

    assert "was released there meanwhile" in result.check(7)["error"]["message"]
    assert pipeline.staging.current["id"] == taken[0]


def test_a_smoke_command_knows_what_it_looks_at(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)

    result = run(
        "deploy",
        *pipeline.to_staging,
        "--smoke",
        '$ echo "$RELEASE of $COMMIT at $APP_URL"; test -z "$HEROKU_API_KEY"',
        "--json",
    )

    [target] = result.check(0)["targets"]
    web_url = pipeline.staging.info["web_url"]
    assert f"smoke {target['app']} | v{target['release']} of {commit} at {web_url}" in result.stderr


def test_a_smoke_command_that_cannot_be_run_says_nothing_of_the_app(
    pipeline: Pipeline, run: Command, broken: str
) -> None:
    late = ("--smoke", "$ test -n x && ./nowhere.sh")  # found missing only as it is run

    result = run("deploy", *pipeline.to_staging, *late, "--json")

    document = result.check(14)
    assert document["error"]["code"] == "inconclusive"
    assert document["targets"][0]["rolled_back_to"] is None
    assert pipeline.staging.commit == broken


def test_a_smoke_command_that_is_not_there_is_found_before_the_first_write(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--smoke", "$ ./nowhere.sh", "--json")

    assert "runs ./nowhere.sh" in result.check(2)["error"]["message"]
    assert journal().writes == []


def test_an_app_without_dynos_is_said_aloud(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "first")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    heroku.api("PATCH", f"/apps/{pipeline.staging.name}/formation/web", {"quantity": 0})
    prepare(pipeline, repo, run, "second")

    result = run("deploy", *pipeline.to_staging, "--json")

    result.check(0)
    assert "runs no dynos" in result.stderr


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 404}, id="not there"),
        pytest.param({"kind": "half_body", "when": "after"}, id="cut", marks=SLOW),
        pytest.param({"kind": "hang"}, id="silent for ever", marks=SLOW),
    ],
)
@pytest.mark.parametrize("is_prepared", [True, False], ids=["of a promotion", "of a build"])
def test_a_log_that_does_not_come_delays_and_spoils_nothing(
    is_prepared: bool,
    fault: dict[str, object],
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    commit = repo.commit({"Procfile": f"{WEB}release: sleep 1\n"})
    if is_prepared:
        run("prepare", "--app", pipeline.prepare.name, "--json").check(0)
    before = count_releases(pipeline.staging)
    heroku.fault("GET", "^/-/(builds|releases)/", **fault)

    result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["targets"][0]["release"] == before + 1
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


def test_a_stale_variable_does_not_overrule_the_release(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run, "first")
    for feature in ("runtime-dyno-metadata", "runtime-dyno-build-metadata"):
        where = f"/apps/{pipeline.prepare.name}/features/{feature}"
        heroku.api("PATCH", where, {"enabled": False})
    commit = prepare(pipeline, repo, run, "second")

    result = run("deploy", *pipeline.to_staging, "--json")

    document = result.check(0)
    assert (document["route"], document["source"]["metadata"]) == ("promote", "disagrees")
    assert "names another commit" in result.stderr
    assert pipeline.staging.commit == commit


def test_without_the_variable_the_release_is_enough(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    for feature in ("runtime-dyno-metadata", "runtime-dyno-build-metadata"):
        where = f"/apps/{pipeline.prepare.name}/features/{feature}"
        heroku.api("PATCH", where, {"enabled": False})
    prepare(pipeline, repo, run)

    result = run("deploy", *pipeline.to_staging, "--json")

    assert result.check(0)["source"]["metadata"] == "absent"


@pytest.mark.slow
@pytest.mark.parametrize("smoke", [(), ("--smoke", "/health")], ids=["no check", "a check"])
def test_code_that_lost_its_web_process_is_gone_back_from(
    pipeline: Pipeline, repo: Repository, run: Command, smoke: tuple[str, ...]
) -> None:
    sound = prepare(pipeline, repo, run, "sound")
    run("deploy", *pipeline.to_staging, "--json").check(0)
    repo.commit({"Procfile": WEB.replace("web:", "wbe:")})
    run("prepare", "--app", pipeline.prepare.name, "--json").check(0)

    allowed = "--allow-missing-processes"
    result = run("deploy", *pipeline.to_staging, *smoke, allowed, "--json")

    assert "no process type web" in result.stdout
    assert "ps:scale web=1" in result.stdout
    assert result.check(7)["targets"][0]["verified"] == "failed"
    assert pipeline.staging.commit == sound
