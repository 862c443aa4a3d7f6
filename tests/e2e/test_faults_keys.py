"""Keys that may too little, are asked for more, or are revoked midway."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.e2e.faults import count_releases, let_locks_expire, prepare
from tests.e2e.servers import Forwarder, Heard, Listener

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import Pipeline, Platform


def make_key(heroku: Platform, run: Command, **what: object) -> str:
    """Make another key, which must not be shown either."""
    key = str(heroku.control("POST", "keys", what)["key"])
    run.keep_secret(key)
    return key


@pytest.mark.parametrize(
    ("path", "made"),
    [
        pytest.param("/pipeline-promotions", 0, id="before the promotion"),
        pytest.param("/promotion-targets", 1, id="after the promotion", marks=pytest.mark.slow),
    ],
)
def test_a_key_that_is_revoked_midway_ends_the_deploy_and_another_one_finishes_it(
    path: str, made: int, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    key = make_key(heroku, run)

    valid = {key}

    def revoke(heard: Heard) -> None:
        if heard.path.endswith(path) and valid:
            heroku.control("DELETE", f"keys/{valid.pop()}")

    with Listener(Forwarder(heroku.url, revoke)) as between:
        env = {"HEROKU_HOST": between.url, "HEROKU_API_KEY": key, "HEROKU_GIT_HOST": heroku.url}
        cut_off = run("deploy", *pipeline.to_staging, "--json", env=env)
    between_deploys = count_releases(pipeline.staging)
    let_locks_expire(heroku)
    finished = run("deploy", *pipeline.to_staging, "--json")

    assert cut_off.check(10)["error"]["code"] == "key_refused"
    assert between_deploys == before + made
    finished.check(0)
    assert (pipeline.staging.commit, count_releases(pipeline.staging)) == (commit, before + 1)


@pytest.fixture
def locks(tmp_path_factory: pytest.TempPathFactory, repo: Repository) -> tuple[str, str]:
    """Keep locks in a repository that takes no key: such keys do not reach Heroku's git."""
    remote = tmp_path_factory.mktemp("locks") / "locks.git"
    repo.git("init", "--quiet", "--bare", str(remote))
    return "--lock-remote", f"file://{remote}"


def test_a_key_that_may_only_read_promotes_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, locks: tuple[str, str]
) -> None:
    prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    env = {"HEROKU_API_KEY": make_key(heroku, run, scopes=["read"])}

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, *locks, "--json", env=env)

    document = result.check(10)
    assert document["error"]["code"] == "key_refused"
    assert document["source"]["metadata"] == "unreadable"
    assert journal().writes == ["POST /pipeline-promotions"]
    assert count_releases(pipeline.staging) == before


def test_a_key_that_may_write_but_not_see_config_vars_deploys(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, locks: tuple[str, str]
) -> None:
    commit = prepare(pipeline, repo, run)
    env = {"HEROKU_API_KEY": make_key(heroku, run, scopes=["read", "write"])}

    refused = run("deploy", *pipeline.to_staging, "--json", env=env)
    result = run("deploy", *pipeline.to_staging, *locks, "--json", env=env)

    assert refused.check(3)["error"]["code"] == "lock_unavailable"
    assert result.check(0)["source"]["metadata"] == "unreadable"
    assert pipeline.staging.commit == commit


def test_an_account_that_is_asked_for_a_second_factor_is_told_so(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    prepare(pipeline, repo, run)
    before = count_releases(pipeline.staging)
    email = f"{uuid4().hex[:8]}@example.com"
    heroku.control("POST", "accounts", {"email": email, "two_factor_code": "123456"})
    for app in (pipeline.prepare, *pipeline.targets):
        heroku.control("POST", f"apps/{app.name}/collaborators", {"account": email})
    env = {"HEROKU_API_KEY": make_key(heroku, run, account=email)}

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.to_staging, "--json", env=env)

    error = result.check(10)["error"]
    assert error["code"] == "key_refused"
    assert journal().writes == []
    assert "second factor" in f"{error['message']} {error['hint']}"
    assert count_releases(pipeline.staging) == before
