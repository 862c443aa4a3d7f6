"""What was compared is what is promoted, whatever lands on the prepare app meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.servers import Forwarder, Heard, Listener

if TYPE_CHECKING:
    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository
    from tests.e2e.world import App, Pipeline, Platform


def promoted_release(heroku: Platform, promotion_id: str) -> str:
    """Return which release the platform says a promotion carried."""
    promotion = heroku.api("GET", f"/pipeline-promotions/{promotion_id}")
    return str(promotion["source"]["release"]["id"])


def prepare(run: Command, app: App) -> str:
    """Prepare what is checked out, and return the slug the app holds then."""
    run("prepare", "--app", app.name, "--json").check(0)
    assert app.slug_id is not None
    return app.slug_id


def test_the_earlier_of_two_prepared_commits_is_promoted_by_its_own_release(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = repo.commit({"text": "first"})
    slug = prepare(run, pipeline.prepare)
    release = pipeline.prepare.current
    repo.commit({"text": "second"})
    assert prepare(run, pipeline.prepare) != slug

    with heroku.watching() as journal:
        result = run("deploy", *pipeline.route, "--commit", first, "--json")

    document = result.check(0)
    assert (document["route"], document["reason"]) == ("promote", "prepared_earlier")
    assert document["source"]["release_id"] == release["id"]
    assert document["source"]["metadata"] == "earlier"
    [looked] = [entry for entry in journal() if entry.path.endswith("/promotion-targets")]
    assert promoted_release(heroku, looked.path.split("/")[2]) == release["id"]
    assert [app.slug_id for app in pipeline.targets] == [slug, slug]
    assert [app.builds for app in pipeline.targets] == [[], []]
    assert pipeline.production.ask().text.startswith(first)


def test_a_prepare_between_compare_and_promote_changes_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = repo.commit({"text": "first"})
    slug = prepare(run, pipeline.prepare)
    release = pipeline.prepare.current

    def prepare_another(heard: Heard) -> None:
        if (heard.method, heard.path) == ("POST", "/pipeline-promotions"):
            repo.commit({"text": "second"})
            prepare(run, pipeline.prepare)

    with Listener(Forwarder(heroku.url, prepare_another)) as between:
        result = run("deploy", *pipeline.route, "--json", env={"HEROKU_HOST": between.url})

    document = result.check(0)
    assert document["commit"] == first
    assert document["source"]["release_id"] == release["id"]
    assert pipeline.prepare.slug_id != slug
    assert [app.slug_id for app in pipeline.targets] == [slug, slug]
    assert pipeline.staging.ask().text.startswith(first)


def test_a_push_between_compare_and_promote_changes_nothing(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    first = repo.commit({"text": "first"})
    slug = prepare(run, pipeline.prepare)

    def push_another(heard: Heard) -> None:
        if (heard.method, heard.path) == ("POST", "/pipeline-promotions"):
            repo.commit({"text": "second"})
            arguments = ("prepare", "--app", pipeline.prepare.name, "--strategy", "git", "--json")
            run(*arguments).check(0)

    with Listener(Forwarder(heroku.url, push_another)) as between:
        result = run("deploy", *pipeline.to_staging, "--json", env={"HEROKU_HOST": between.url})

    assert result.check(0)["commit"] == first
    assert pipeline.prepare.slug_id != slug
    assert pipeline.staging.slug_id == slug
