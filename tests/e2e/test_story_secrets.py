"""The key goes to the API and to git, and nowhere else; nothing secret is ever shown.

Beyond what is asserted here, the `run` fixture looks through the outputs of every command of every
story for the key, plain and encoded, and for signed addresses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import ProcessWatch
from tests.e2e.sample import BROKEN
from tests.e2e.servers import Forwarder, Heard, Listener, Reply
from tests.e2e.world import SIGNED_PATH, App, Journal, Pipeline, Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.e2e.commands import Command
    from tests.e2e.sample import Repository

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
CONFIG_VALUE = "a-value-nobody-may-print"


def assert_clean(texts: Iterable[str], secrets: set[str]) -> None:
    """Assert that no text holds a secret, without printing either."""
    assert not any(secret in text for text in texts for secret in secrets)


def assert_key_sent_to_api_only(journal: Journal) -> None:
    """Assert that signed addresses were used, and without the key."""
    assert any(entry.is_signed for entry in journal)
    for entry in journal:
        assert entry.has_authorization is not entry.is_signed, entry


@pytest.mark.parametrize("strategy", ["source", "git"])
def test_the_loudest_run_shows_no_secret_anywhere(
    strategy: str, heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    for app in (pipeline.prepare, *pipeline.targets):
        app.set_config(DATABASE_PASSWORD=CONFIG_VALUE)
    run.secrets.add(CONFIG_VALUE)
    heroku.set_durations(build_seconds=0.3)
    how = ("--app", pipeline.prepare.name, "--strategy", strategy, "-vv", "--debug", "--json")

    with heroku.watching() as journal, ProcessWatch() as processes:
        prepared = run("prepare", *how)
        deployed = run("deploy", *pipeline.route, "--smoke", "/health", "-vv", "--debug", "--json")

    prepared.check(0)
    deployed.check(0)
    assert "GET /apps/" in deployed.stderr
    pushed = any(f"/{pipeline.prepare.name}.git" in line for line in processes.seen)
    assert pushed  # a lock at least, whichever way the source goes
    assert_clean(processes.seen, run.secrets - {SIGNED_PATH})
    files = [path for path in repo.directory.rglob("*") if path.is_file()]
    assert repo.directory / ".git" / "config" in files
    assert_clean((path.read_bytes().decode("latin-1") for path in files), run.secrets)
    assert all(entry.has_authorization is not entry.is_signed for entry in journal())


def test_failures_show_no_secret_either(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    heroku.fault("PUT", "^/-/sources/", kind="status", status=403)
    failed = run("prepare", "--app", pipeline.prepare.name, "-vv", "--debug", "--json")
    heroku.reset()
    heroku.fault("GET", "^/-/builds/", kind="reset")
    heroku.fault("POST", "/builds$", kind="status", status=422, message=f"not {heroku.key}")

    quoted = run("prepare", "--app", pipeline.prepare.name, "-vv", "--debug", "--json")

    assert "Traceback" in failed.stderr
    failed.check(5)
    assert "***" in quoted.check(5)["error"]["message"]


def test_a_wrong_key_is_not_shown(pipeline: Pipeline, repo: Repository, run: Command) -> None:
    repo.commit()
    run.keep_secret("HRKU-mistyped")
    env = {"HEROKU_API_KEY": "HRKU-mistyped"}

    deployed = run("deploy", *pipeline.to_staging, "-vv", "--debug", "--json", env=env)
    how = ("--app", pipeline.prepare.name, "--strategy", "git")
    pushed = run("prepare", *how, "-vv", "--debug", "--json", env=env)

    deployed.check(10)
    pushed.check(10)


def test_a_key_from_a_netrc_file_works_and_is_not_shown(
    heroku: Platform,
    pipeline: Pipeline,
    repo: Repository,
    run: Command,
) -> None:
    repo.commit()
    host = heroku.url.removeprefix("http://")
    netrc = f"machine {host}\n  login ada@example.com\n  password {heroku.key}\n"
    repo.directory.with_name("home").joinpath(".netrc").write_text(netrc)

    result = run("deploy", *pipeline.to_staging, "-vv", "--json", env={"HEROKU_API_KEY": ""})

    result.check(0)
    assert f"API key from ~/.netrc (machine {host})" in result.stderr


def test_storage_on_another_host_never_gets_the_key_not_even_by_redirect(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    commit = repo.commit()
    to_platform = Forwarder(heroku.url)
    with Listener(to_platform) as elsewhere:

        def store(heard: Heard) -> Reply:
            if heard.method == "GET":
                return Reply(302, headers={"Location": elsewhere.url + heard.path})
            return to_platform(heard)

        with Listener(store) as storage:
            signed = {heroku.url + SIGNED_PATH: storage.url + SIGNED_PATH}
            with (
                Listener(Forwarder(heroku.url, rewrites=signed)) as api,
                heroku.watching() as journal,
            ):
                env = {"HEROKU_HOST": api.url}
                how = ("--app", pipeline.prepare.name, "-vv", "--json")
                result = run("prepare", *how, env=env)

    result.check(0)
    assert f"-----> Compiling {commit}" in result.stderr
    assert {heard.method for heard in storage.heard} == {"PUT", "GET"}
    assert any("/builds/" in heard.path for heard in elsewhere.heard)
    assert_clean((heard.text for heard in (*storage.heard, *elsewhere.heard)), {"Authorization"})
    assert_clean((heard.text for heard in storage.heard), run.secrets - {SIGNED_PATH})
    assert_clean((heard.text for heard in elsewhere.heard), run.secrets - {SIGNED_PATH})
    assert_key_sent_to_api_only(journal())


def test_smoke_checks_never_carry_the_key_wherever_they_lead(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    with Listener() as elsewhere:
        pipeline.staging.set_config(AWAY_URL=f"{elsewhere.url}/landed")
        smoke = ("--smoke", "/away", "--smoke", f"{elsewhere.url}/direct 200 listening")

        result = run("deploy", *pipeline.to_staging, *smoke, "-vv", "--json")

    result.check(0)
    assert [heard.path for heard in elsewhere.heard] == ["/landed", "/direct"]
    assert_clean((heard.text for heard in elsewhere.heard), run.secrets | {"Authorization"})


def read_notes(app: App, repo: Repository, key: str, to: Path) -> str:
    """Return all that git keeps of an app beside its code: locks, freezes, rejections."""
    host = app.platform.url.removeprefix("http://")
    repo.git("clone", "--quiet", "--mirror", f"http://x:{key}@{host}/{app.name}.git", str(to))
    read = ("--git-dir", str(to), "log", "--all", "--format=%D %an %ae %B")
    found = repo.git(*read)
    shutil.rmtree(to)  # the address in its configuration has the key
    return found


@pytest.mark.slow
def test_neither_the_key_nor_a_password_of_a_check_is_in_a_note_a_log_or_a_file(
    heroku: Platform, pipeline: Pipeline, repo: Repository, run: Command, tmp_path: Path
) -> None:
    """Good code, then broken code that is gone back from and rejected, and every mark there is."""
    repo.commit()
    run.keep_secret("hush-hush")
    where = ("--from", pipeline.prepare.name)
    stage = pipeline.staging.name
    host = pipeline.staging.info["web_url"].removeprefix("http://").rstrip("/")
    check = ("--smoke", f"http://ada:hush-hush@{host}/health?token=hush-hush 200")
    how = ("--strategy", "git", "--test", "env", "--smoke", "$ env", *check, "-vv", "--json")

    shipped = run("ship", *where, "--to", "staging", *how)
    held = [run(mark, stage, *where, "--json") for mark in ("lock", "unlock")]
    held.append(run("freeze", stage, *where, "--reason", "holidays", "--json"))
    repo.commit(BROKEN)
    frozen = run("deploy", *pipeline.to_staging, *check, "--json")
    held.append(run("unfreeze", stage, *where, "--json"))
    gone_back = run("deploy", *pipeline.to_staging, *check, "-vv", "--debug", "--json")
    refused = run("deploy", *pipeline.to_staging, *check, "--json")

    assert [mark.exit_code for mark in held] == [0, 0, 0, 0]
    shipped.check(0)
    frozen.check(3)
    shown = f"http://***@{host}/health?***"
    assert shown in gone_back.check(6)["error"]["message"]
    assert shown in refused.check(3)["error"]["message"]
    notes = read_notes(pipeline.prepare, repo, heroku.key, tmp_path / "notes")
    assert shown in notes
    assert_clean([notes], run.secrets)


def without_privileges() -> tuple[str, ...]:
    """Return how to start a program that may not read everything, as root may."""
    if os.geteuid() != 0:
        return ()
    if subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may read every process, and user namespaces are not permitted here")
    return ("unshare", "--user")


LOOK = """\
tr '\\0' '\\n' < /proc/$PPID/cmdline | head -n 2
for file in environ maps mem; do cat /proc/$PPID/$file > /dev/null && echo "reads $file"; done
cat /proc/self/environ > looked-into
env | grep -c HRKU
echo the end"""


def test_tests_and_smoke_commands_cannot_read_the_key_out_of_the_process_that_started_them(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    program = str(run.program)
    first, *arguments = (*without_privileges(), program)
    run.program = Path(first)
    what = ("--from", pipeline.prepare.name, "--to", "staging")

    result = run(
        *arguments, "ship", *what, "--test", f"{LOOK}", "--smoke", f"$ {LOOK}", "--json",
        env={"STAGING_COPY": run.environment["HEROKU_API_KEY"]},
    )  # fmt: skip

    assert result.exit_code == 0, result.told
    for source in ("tests", f"smoke {pipeline.staging.name}"):
        lines = [line for line in result.stderr.splitlines() if f"{source} | " in line]
        said = [line.partition(" | ")[2] for line in lines]
        assert said[-1] == "the end"
        assert program in said
        assert not [line for line in said if line.startswith("reads")]
        assert "0" in said
    assert b"PATH=" in (repo.directory / "looked-into").read_bytes()


def test_an_api_that_redirects_gets_no_follower(
    pipeline: Pipeline, repo: Repository, run: Command
) -> None:
    repo.commit()
    with Listener() as elsewhere:

        def redirect(heard: Heard) -> Reply:
            return Reply(302, headers={"Location": elsewhere.url + heard.path})

        with Listener(redirect) as api:
            env = {"HEROKU_HOST": api.url}
            deployed = run("deploy", *pipeline.to_staging, "--json", env=env)
            how = ("--app", pipeline.prepare.name, "--strategy", "git", "--json")
            pushed = run("prepare", *how, env=env)

    assert deployed.exit_code == 11
    assert pushed.exit_code != 0
    assert api.heard != []
    assert elsewhere.heard == []
