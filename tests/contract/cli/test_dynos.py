"""Formation, dynos, one-off dynos and logs with the real Heroku CLI."""

import json
from typing import Any

import pytest

from tests.contract.cli.world import World

pytestmark = pytest.mark.slow
WORKER = "web: python3 -u server.py\nworker: while true; do sleep 1; done\n"


def _up(world: World, app: str) -> dict[str, Any]:
    dynos = world.api("GET", f"/apps/{app}/dynos")
    return {each["name"]: each["id"] for each in dynos if each["state"] == "up"}


def _others(world: World, app: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return the dynos that are up and were not among the known ones, once there are any."""
    ids = set(known.values())
    return dict(
        world.eventually(
            lambda: {name: id for name, id in _up(world, app).items() if id not in ids}
        )
    )


def _quantities(world: World, app: str) -> dict[str, int]:
    return {each["type"]: each["quantity"] for each in world.api("GET", f"/apps/{app}/formation")}


def test_dynos_are_scaled_by_number_and_by_difference(either: World) -> None:
    app = either.create_app(Procfile=WORKER)["name"]

    shown = either.heroku("ps:scale", "web=0", "worker+2", "-a", app)
    asked = either.heroku("ps:scale", "-a", app)

    assert "Scaling dynos... done, now running" in shown.text
    assert "worker at 2:Basic" in shown.text
    assert "web at 0:Basic" in shown.text
    assert asked.out.split() == ["web=0:Basic", "worker=2:Basic"]
    assert _quantities(either, app) == {"web": 0, "worker": 2}
    either.eventually(lambda: set(_up(either, app)) == {"worker.1", "worker.2"})


def test_an_unknown_process_type_cannot_be_scaled(direct: World) -> None:
    app = direct.create_app(text="one type")["name"]

    shown = direct.heroku("ps:scale", "clock=1", "-a", app, code=2)

    assert "Error ID: not_found" in shown.err
    assert _quantities(direct, app) == {"web": 1}


def test_dynos_are_listed_with_their_state(either: World) -> None:
    app = either.create_app(text="listed")["name"]
    either.eventually(lambda: _up(either, app))

    shown = either.heroku("ps", "-a", app)

    assert "=== web (Basic): python3 -u server.py (1)" in shown.out
    assert "web.1: up " in shown.out


def test_one_dyno_and_all_dynos_are_restarted(either: World) -> None:
    app = either.create_app(text="restarted")["name"]
    first = either.eventually(lambda: _up(either, app))

    one = either.heroku("ps:restart", "-d", "web.1", "-a", app)
    second = _others(either, app, first)
    everything = either.heroku("ps:restart", "-a", app)
    third = _others(either, app, second)

    assert "Restarting dyno web.1" in one.text
    assert f"DELETE /apps/{app}/dynos/web.1" in one.calls
    assert f"Restarting all dynos on {app}... done" in everything.text
    assert f"DELETE /apps/{app}/dynos" in everything.calls
    assert set(first) == set(second) == set(third) == {"web.1"}


def test_a_stopped_dyno_of_the_formation_comes_back(either: World) -> None:
    app = either.create_app(text="stopped")["name"]
    before = either.eventually(lambda: _up(either, app))

    one = either.heroku("ps:stop", "-d", "web.1", "-a", app)
    after = _others(either, app, before)
    all_of_it = either.heroku("ps:stop", "-p", "web", "-a", app)

    assert f"Stopping dyno web.1 on {app}... done" in one.text
    assert f"Stopping all web dynos on {app}... done" in all_of_it.text
    assert set(_others(either, app, after)) == {"web.1"}
    assert _quantities(either, app) == {"web": 1}


def test_a_detached_run_writes_to_the_log(either: World) -> None:
    app = either.create_app(text="runs")["name"]

    shown = either.heroku("run:detached", "-e", "WHO=Ada", "-a", app, "--", "echo hello $WHO")
    name = shown.text.split("--dyno ")[1].split()[0]

    assert f"on {app}... done, run." in shown.text
    either.eventually(lambda: "hello Ada" in either.heroku("logs", "-a", app, "--dyno", name).out)
    either.eventually(lambda: name not in str(either.api("GET", f"/apps/{app}/dynos")))


def test_a_detached_run_is_stopped_for_good(direct: World) -> None:
    app = direct.create_app(text="runs")["name"]
    shown = direct.heroku("run:detached", "-a", app, "--", "sleep", "600")
    name = shown.text.split("--dyno ")[1].split()[0]

    direct.heroku("ps:stop", "-d", name, "-a", app)

    names = [each["name"] for each in direct.api("GET", f"/apps/{app}/dynos")]
    assert name not in names


def test_logs_show_the_newest_lines_of_what_was_asked_for(either: World) -> None:
    app = either.create_app(text="logged")
    either.eventually(lambda: either.fetch("GET", app["web_url"])["status"] == 200)
    either.fetch("GET", f"{app['web_url']}needle")
    either.eventually(lambda: "/needle" in _log(either, app["name"]))

    everything = either.heroku("logs", "-a", app["name"])
    router = either.heroku("logs", "-a", app["name"], "--source", "heroku", "--dyno", "router")
    last = either.heroku("logs", "-a", app["name"], "-n", "1")

    assert "app[web.1]: served /needle" in everything.out
    assert "heroku[web.1]: State changed from starting to up" in everything.out
    assert router.out.splitlines()
    assert all("heroku[router]: at=" in line for line in router.out.splitlines())
    assert last.out.splitlines() == everything.out.splitlines()[-1:]


def _log(world: World, app: str) -> str:
    session = world.api("POST", f"/apps/{app}/log-sessions", {"lines": 1000})
    return str(world.fetch("GET", session["logplex_url"])["text"])


def test_a_tailed_log_shows_what_happens_afterwards(either: World) -> None:
    app = either.create_app(text="tailed")
    either.eventually(lambda: either.fetch("GET", app["web_url"])["status"] == 200)

    tail = either.start_heroku("logs", "--tail", "-a", app["name"])
    either.namespace.ask("wait", name=tail, **{"for": "State changed from starting to up"})
    either.fetch("GET", f"{app['web_url']}afterwards")
    shown = either.namespace.ask("wait", name=tail, **{"for": "served /afterwards"})["text"]
    either.namespace.ask("stop", name=tail)

    assert "app[web.1]: served /afterwards" in shown
    assert json.dumps(shown).count("served /afterwards") == 1
