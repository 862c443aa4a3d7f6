"""Typical mistakes, each made with the installed command, and the one line that answers it.

A mistake is a function that makes it and returns how the command ended. Each has a row in
`docs/reference/mistakes.md`, with its exit code and its answer. `test_mistakes.py` compares them.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import LIMIT_SECONDS, Command, Result
from tests.e2e.sample import BROKEN, PYTHON, WEB, WITH_RELEASE_COMMAND, Repository
from tests.e2e.world import Platform, eventually
from tests.ports import deaf_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.world import Pipeline

MISTAKES: dict[str, Callable[[Place], Result]] = {}
SHOWN = "--commit"
SOMEBODY = 12345  # a user id of nobody here


@dataclass(frozen=True)
class Place:
    """Where mistakes are made: a platform, a pipeline, a repository with one commit."""

    run: Command
    heroku: Platform
    pipeline: Pipeline
    repo: Repository
    folder: Path

    def deploy(self, *arguments: str, **env: str) -> Result:
        """Deploy from the prepare app to staging, with further arguments."""
        return self.run("deploy", *self.pipeline.to_staging, *arguments, env=env)

    def configured(self, text: str) -> Result:
        """Deploy with this as ``accelerator.toml``."""
        (self.repo.directory / "accelerator.toml").write_text(text)
        return self.deploy()

    def shipped(self, files: dict[str, str], *arguments: str, **env: str) -> Result:
        """Deploy a commit with these files."""
        self.repo.commit(files)
        return self.deploy(*arguments, **env)

    def elsewhere(self, directory: Path, **env: str) -> Result:
        """Deploy from another directory."""
        return self.run("deploy", *self.pipeline.to_staging, env=env, cwd=directory)

    def interrupted(self, *arguments: str, held: str) -> Result:
        """Run a command, and end it with Ctrl-C while a request to this path is held up."""
        self.heroku.fault("GET|POST", held, kind="hang", when="before", occurrences=[1])
        try:
            started = self.run.start(*arguments)
            eventually(lambda: self.heroku.control("GET", "faults")[0]["matched"])
            started.send(signal.SIGINT)
            return started.finish()
        finally:
            self.heroku.control("DELETE", "faults")


def mistake(name: str) -> Callable[[Callable[[Place], Result]], Callable[[Place], Result]]:
    """Register a mistake under the words of its row."""

    def register(make: Callable[[Place], Result]) -> Callable[[Place], Result]:
        assert name not in MISTAKES
        MISTAKES[name] = make
        return make

    return register


def answer_of(result: Result, place: Place) -> str:
    """Return the line that answers a mistake: the error, or else the first line of the result.

    Names, numbers and places of this one run are replaced with those of the page.
    """
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    lines = errors or result.stdout.strip().splitlines() or ["(nothing)"]
    text = lines[0].removeprefix("error: ")
    text = text.replace(place.pipeline.prefix, "foo").replace(str(place.folder), "/home/ada")
    for sha in place.repo.git("-c", "safe.directory=*", "rev-list", "--all").split():
        for short in (sha, sha[:8], sha[:7]):
            text = text.replace(short, "1234567")
    text = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:5000", text)
    text = re.sub(r"^port \d+", "port 5000", text)
    text = re.sub(r"\b\d+(\.\d+)? (s|ms)\b", "1 s", text)
    # The clock of the platform that all tests share is moved by some of them.
    moment = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC, [^)]*"
    text = re.sub(moment, "12:00:00 UTC, 1 s ago", text)
    text = re.sub(r"\d+ tries in \d+:\d\d", "5 tries in 0:01", text)
    text = re.sub(r"by \S+@\S+", "by ada@laptop", text)
    return text.replace("|", "/")


# The key.


@mistake("no key")
def no_key(place: Place) -> Result:
    """Nothing has a key: no variable, no netrc, no credential helper."""
    without = {k: v for k, v in place.run.environment.items() if k != "HEROKU_API_KEY"}
    return Command(place.run.program, place.run.directory, without)(
        "deploy", *place.pipeline.to_staging
    )


@mistake("an empty key")
def empty_key(place: Place) -> Result:
    """The variable is there and empty, as where a CI secret is not exposed to the job."""
    return place.deploy(HEROKU_API_KEY="")


@mistake("a wrong key")
def wrong_key(place: Place) -> Result:
    """The key is nobody's."""
    return place.deploy(HEROKU_API_KEY="HRKU-0000")


# Apps, stages, pipelines.


@mistake("a typo in the app")
def typo_in_app(place: Place) -> Result:
    """Staging, mistyped."""
    to = place.pipeline.staging.name.replace("staging", "stagign")
    return place.run("deploy", "--from", place.pipeline.prepare.name, "--to", to)


@mistake("a typo in the prepare app")
def typo_in_prepare_app(place: Place) -> Result:
    """The prepare app, mistyped."""
    source = place.pipeline.prepare.name.replace("prepare", "prepair")
    return place.run("deploy", "--from", source, "--to", place.pipeline.staging.name)


@mistake("a typo in the stage")
def typo_in_stage(place: Place) -> Result:
    """The stage staging, mistyped."""
    return place.run("deploy", "--from", place.pipeline.prepare.name, "--to", "stagign")


@mistake("a stage nobody has")
def unknown_stage(place: Place) -> Result:
    """The pipeline has no app at this stage."""
    return place.run("deploy", "--from", place.pipeline.prepare.name, "--to", "review")


@mistake("the target is the prepare app")
def target_is_prepare_app(place: Place) -> Result:
    """The same app twice."""
    name = place.pipeline.prepare.name
    return place.run("deploy", "--from", name, "--to", name)


@mistake("a comma in `--to`")
def comma(place: Place) -> Result:
    """Two targets in one flag."""
    both = f"{place.pipeline.staging.name},{place.pipeline.production.name}"
    return place.run("deploy", "--from", place.pipeline.prepare.name, "--to", both)


@mistake("a stage, and no pipeline")
def no_pipeline(place: Place) -> Result:
    """The prepare app is in no pipeline, so a stage means nothing."""
    alone = place.heroku.create_app(f"{place.pipeline.prefix}-alone")
    try:
        return place.run("deploy", "--from", alone.name, "--to", "staging")
    finally:
        place.heroku.api("DELETE", f"/apps/{alone.name}")


@mistake("`freeze prod`")
def freeze_prod(place: Place) -> Result:
    """A stage's nickname."""
    source = place.pipeline.prepare.name
    return place.run("freeze", "prod", "--reason", "sale", "--from", source)


@mistake("`lock --for soon`")
def lock_for_soon(place: Place) -> Result:
    """A duration that is none."""
    source = place.pipeline.prepare.name
    return place.run("lock", place.pipeline.staging.name, "--for", "soon", "--from", source)


@mistake("no target")
def no_target(place: Place) -> Result:
    """Nothing to deploy to."""
    return place.run("deploy", "--from", place.pipeline.prepare.name)


@mistake("`ship` without tests")
def ship_without_tests(place: Place) -> Result:
    """Neither `--test` nor `--no-test`."""
    return place.run("ship", *place.pipeline.to_staging)


@mistake("`ship` with an empty test command")
def ship_with_empty_tests(place: Place) -> Result:
    """The variable with the command is not set."""
    return place.run("ship", "--test", "", *place.pipeline.to_staging)


# The repository.


@mistake("not a repository")
def not_a_repository(place: Place) -> Result:
    """Run in a folder without git."""
    (place.folder / "plain").mkdir()
    return place.elsewhere(place.folder / "plain")


@mistake("somebody else's repository")
def foreign_owner(place: Place) -> Result:
    """The checkout belongs to another user, as in CI containers."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (place.repo.directory, place.repo.directory / ".git"):
        os.chown(path, SOMEBODY, SOMEBODY)
    return place.deploy()


@mistake("an empty repository")
def empty_repository(place: Place) -> Result:
    """Nothing was ever committed."""
    empty = place.folder / "empty"
    empty.mkdir()
    Repository(empty, place.repo.environment).git("init", "--quiet")
    return place.elsewhere(empty)


@mistake("an unknown sha")
def unknown_sha(place: Place) -> Result:
    """Forty digits of no commit."""
    return place.deploy(SHOWN, "f" * 40)


@mistake("an unknown short sha")
def unknown_short_sha(place: Place) -> Result:
    """Seven digits of no commit."""
    return place.deploy(SHOWN, "fffffff")


@mistake("a short sha")
def short_sha(place: Place) -> Result:
    """Seven digits of a commit: no mistake."""
    return place.deploy(SHOWN, place.repo.git("rev-parse", "--short=7", "HEAD"))


@mistake("an empty `--commit`")
def empty_commit(place: Place) -> Result:
    """The variable with the commit is not set."""
    return place.deploy(SHOWN, "")


@mistake("`ship` from a dirty checkout")
def dirty(place: Place) -> Result:
    """The tests would run on something else than what is shipped."""
    place.repo.write({"text": "changed, not committed"})
    return place.run("ship", "--test", "true", *place.pipeline.to_staging)


@mistake("a shallow clone")
def shallow(place: Place) -> Result:
    """One commit deep, as in CI: no mistake."""
    clone = place.repo.clone(place.folder / "shallow", "--depth", "1")
    return place.elsewhere(clone.directory)


@mistake("no git")
def no_git(place: Place) -> Result:
    """The image has no git."""
    return place.deploy(PATH=str(place.folder))


# Settings.


@mistake("an unknown setting")
def unknown_setting(place: Place) -> Result:
    """A key that nothing resembles."""
    return place.configured("colour = 'blue'\n")


@mistake("a mistyped setting")
def mistyped_setting(place: Place) -> Result:
    """A key with a letter too few."""
    return place.configured("on_mis = 'fail'\n")


@mistake("a value that is none of the words")
def mistyped_value(place: Place) -> Result:
    """A word with a letter too many."""
    return place.configured("on_miss = 'failed'\n")


@mistake("broken TOML")
def broken_toml(place: Place) -> Result:
    """A string that does not end."""
    return place.configured("on_miss = 'fail\n")


@mistake("an unknown stage in the file")
def unknown_stage_in_file(place: Place) -> Result:
    """A table for a stage that Heroku does not have."""
    return place.configured("[stages.prod]\nsmoke = ['/health']\n")


@mistake("a setting that is planned")
def planned_setting(place: Place) -> Result:
    """A key of the design that does nothing yet."""
    return place.configured("[stages.production]\nsoak = '30m'\n")


@mistake("a command that is planned")
def planned_command(place: Place) -> Result:
    """A command of the design that is not built."""
    return place.run("status")


@mistake("a smoke check without scheme")
def host_without_scheme(place: Place) -> Result:
    """A host where a path or a URL is wanted."""
    return place.deploy("--smoke", "foo.example.com/health")


@mistake("a mistyped placeholder")
def mistyped_placeholder(place: Place) -> Result:
    """A smoke check that waits for a text nothing answers."""
    return place.deploy("--smoke", "/health {comit}")


@mistake("a smoke command that is not there")
def missing_smoke_command(place: Place) -> Result:
    """A command that is not on PATH."""
    return place.deploy("--smoke", "$ smoketest --all")


# The network and the machine.


@mistake("a foreign host")
def foreign_host(place: Place) -> Result:
    """A host that is neither Heroku's nor this machine."""
    return place.deploy(HEROKU_HOST="https://heroku.example.com")


@mistake("no network")
def no_network(place: Place) -> Result:
    """Nothing listens where the platform should be."""
    with deaf_port() as port:
        return place.deploy("--timeout", "3s", HEROKU_HOST=f"http://127.0.0.1:{port}")


@mistake("a port in use")
def port_in_use(place: Place) -> Result:
    """Something listens where the local platform should."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        return place.run("local", "--port", str(taken.getsockname()[1]))


@mistake("a full disk")
def full_disk(place: Place) -> Result:
    """No file can be written any more: git's objects, our archive."""
    limited = "ulimit -f 0; trap '' XFSZ; exec \"$@\""
    return _in_shell(place, limited, "prepare", "--app", place.pipeline.prepare.name)


@mistake("a closed stdout")
def closed_stdout(place: Place) -> Result:
    """Nobody reads the result."""
    return _in_shell(place, '"$@" >&-', "deploy", *place.pipeline.to_staging)


@mistake("`demo` without its extra")
def demo_without_extras(place: Place) -> Result:
    """Installed without ``[local]``: no server to run the platform with."""
    hidden = place.folder / "hidden"
    hidden.mkdir()
    hide = "import sys\nfor name in ('starlette', 'uvicorn', 'h11', 'httptools'):\n"
    (hidden / "sitecustomize.py").write_text(f"{hide}    sys.modules[name] = None\n")
    return place.run("demo", env={"PYTHONPATH": str(hidden)})


# Ctrl-C.


@mistake("Ctrl-C while preparing")
def interrupted_prepare(place: Place) -> Result:
    """While the build runs."""
    place.heroku.set_durations(build_seconds=20)
    name = place.pipeline.prepare.name
    return _interrupted_when(
        place, lambda: bool(place.pipeline.prepare.builds), "prepare", "--app", name
    )


@mistake("Ctrl-C while deciding")
def interrupted_deploy(place: Place) -> Result:
    """Before anything was written."""
    return place.interrupted("deploy", *place.pipeline.to_staging, held="^/apps/.*/builds")


@mistake("Ctrl-C while building on the target")
def interrupted_build(place: Place) -> Result:
    """While Heroku builds."""
    place.heroku.set_durations(build_seconds=20)
    return _interrupted_when(
        place, lambda: bool(place.pipeline.staging.builds), "deploy", *place.pipeline.to_staging
    )


@mistake("Ctrl-C while shipping")
def interrupted_ship(place: Place) -> Result:
    """While the tests run."""
    begun = place.folder / "begun"
    return _interrupted_when(
        place,
        begun.exists,
        "ship",
        "--test",
        f"touch {begun}; sleep 60",
        *place.pipeline.to_staging,
    )


# What is shipped.


@mistake("a Procfile without colons")
def procfile_without_colon(place: Place) -> Result:
    """Not a process type in it."""
    return place.shipped({"Procfile": "web python server.py\n"})


@mistake("a Procfile without `web`")
def procfile_without_web(place: Place) -> Result:
    """It runs, serves nothing, and `web` ran before."""
    place.deploy().check_exit(0)
    return place.shipped({"Procfile": WEB.replace("web:", "wev:")})


@mistake("a crash at boot")
def crash_at_boot(place: Place) -> Result:
    """The process ends as soon as it starts."""
    return place.shipped({"Procfile": f"web: {PYTHON} -c 'import nothing_there'\n"})


@mistake("failing tests")
def failing_tests(place: Place) -> Result:
    """The test command ends with 1."""
    return place.run("ship", "--test", "echo 1 failed; false", *place.pipeline.to_staging)


@mistake("a failing build")
def failing_build(place: Place) -> Result:
    """The buildpack ends with 1."""
    return place.shipped({"unbuildable": "yes"})


@mistake("a failing smoke check")
def failing_smoke(place: Place) -> Result:
    """The new code answers 500, the code before did not."""
    place.deploy("--smoke", "/health").check_exit(0)
    return place.shipped(BROKEN, "--smoke", "/health")


@mistake("a failing release command")
def failing_release_command(place: Place) -> Result:
    """The migration ends with 1."""
    place.pipeline.staging.set_config(RELEASE_FAILS="yes")
    return place.shipped(WITH_RELEASE_COMMAND)


@mistake("a commit older than what runs")
def superseded(place: Place) -> Result:
    """A late job brings the commit from before."""
    older = place.repo.git("rev-parse", "HEAD")
    place.shipped({"text": "newer"}).check_exit(0)
    return place.deploy(SHOWN, older)


@mistake("a commit older than what runs, `--on-superseded ok`")
def superseded_ok(place: Place) -> Result:
    """The late job may be green."""
    older = place.repo.git("rev-parse", "HEAD")
    place.shipped({"text": "newer"}).check_exit(0)
    return place.deploy(SHOWN, older, "--on-superseded", "ok")


@mistake("a commit on another line")
def diverged(place: Place) -> Result:
    """Two branches from one commit, the one after the other."""
    base = place.repo.git("rev-parse", "HEAD")
    place.shipped({"text": "one line"}).check_exit(0)
    place.repo.git("checkout", "--quiet", "-b", "other", base)
    return place.shipped({"text": "another"})


@mistake("a frozen target")
def frozen(place: Place) -> Result:
    """Somebody said why."""
    name, source = place.pipeline.staging.name, place.pipeline.prepare.name
    place.run("freeze", name, "--reason", "sale", "--from", source).check_exit(0)
    return place.deploy()


@mistake("Heroku's git limit")
def git_limit(place: Place) -> Result:
    """More git operations than Heroku allows in an hour."""
    place.heroku.control("PUT", "git-limit", {"per_hour": 0})
    try:
        return place.deploy("--lock-wait", "1s")
    finally:
        place.heroku.control("PUT", "git-limit", {"per_hour": 10_000})


def _interrupted_when(place: Place, has_begun: Callable[[], bool], *arguments: str) -> Result:
    started = place.run.start(*arguments)
    eventually(lambda: has_begun() or started.process.poll() is not None)
    started.send(signal.SIGINT)
    return started.finish()


def _in_shell(place: Place, script: str, *arguments: str) -> Result:
    shell = ["/bin/sh", "-c", script, "sh", str(place.run.program), *arguments]
    # Measuring coverage writes files of its own, which a full disk does not take.
    environment = {k: v for k, v in place.run.environment.items() if not k.startswith("COVERAGE_")}
    done = subprocess.run(
        shell,
        cwd=place.repo.directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    return Result(arguments, done.returncode, done.stdout, done.stderr)


if sys.platform == "darwin":  # its shell counts other blocks, and the signal has another name
    MISTAKES.pop("a full disk")
