"""What a shell is offered, where it comes from, and that nothing goes wrong aloud."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from accelerator import knownapps
from accelerator.cli import COMMANDS
from accelerator.cli import main as root_command
from accelerator.cli.invocation import Invocation
from accelerator.knownapps import find_apps
from accelerator.repository.recent import list_recent, list_remotes

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "HRKU-completion-key"
HARD_LIMIT_SECONDS = 30  # on a hang, not on how quick it is


class Listing:
    """A platform that lists apps, or whatever is to be answered instead."""

    def __init__(self) -> None:
        self.answer: bytes | None = json.dumps([{"name": "foo-b"}, {"name": "foo-a"}]).encode()
        self.asked: list[str] = []
        self.freed = threading.Event()
        listing = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listing.asked.append(f"{self.path} {self.headers['Authorization']}")
                if listing.answer is None:
                    listing.freed.wait(HARD_LIMIT_SECONDS)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(listing.answer)))
                self.end_headers()
                self.wfile.write(listing.answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listing() -> Iterator[Listing]:
    made = Listing()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.freed.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def environment(tmp_path: Path, listing: Listing) -> dict[str, str]:
    return {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HEROKU_HOST": listing.url,
        "HEROKU_API_KEY": KEY,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def offered(
    words: list[str], begun: str, environment: dict[str, str], directory: Path
) -> list[str]:
    edge = Invocation(environment, directory, io.StringIO(), io.StringIO())
    shell = ShellComplete(root_command, {"obj": edge}, "accelerator", "_ACCELERATOR_COMPLETE")
    return [item.value for item in shell.get_completions(words, begun)]


def kept(environment: dict[str, str]) -> list[Path]:
    return sorted(Path(environment["XDG_CACHE_HOME"]).glob("accelerator/*"))


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Begin\x1b[31m, in red")
    git(folder, "tag", "v1")
    git(folder, "branch", "feature/two")
    git(folder, "update-ref", "refs/heads/a$(touch${IFS}gone)", "HEAD")
    git(folder, "remote", "add", "origin", "https://example.com/a.git")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["deploy", "--to"], id="a target"),
        pytest.param(["deploy", "--then"], id="a later target"),
        pytest.param(["freeze"], id="an argument"),
        pytest.param(["resume"], id="an argument of another command"),
    ],
)
def test_a_target_is_a_stage_or_an_app_of_the_key(
    words: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    everything = offered(words, "", environment, tmp_path)

    assert everything == ["production", "staging", "development", "review", "foo-a", "foo-b"]
    assert offered(words, "foo", environment, tmp_path) == ["foo-a", "foo-b"]


def test_prepare_apps_of_the_file_come_first_and_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "accelerator.toml").write_text('[prepare]\napps = ["foo-b", "mine"]\n')

    assert offered(["deploy", "--from"], "", environment, tmp_path) == ["foo-b", "mine", "foo-a"]


def test_apps_are_asked_for_once_a_minute_and_kept_for_their_owner_alone(
    environment: dict[str, str], listing: Listing
) -> None:
    first, second = (find_apps(environment, "HEROKU_API_KEY") for _ in range(2))
    (file,) = kept(environment)

    assert first == second == ("foo-a", "foo-b")
    assert listing.asked == [f"/apps Bearer {KEY}"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KEY not in file.name + file.read_text()


@pytest.mark.parametrize("age", [61, -3600], ids=["a minute old", "of the future"])
def test_what_is_old_is_asked_for_again(
    environment: dict[str, str], listing: Listing, age: float
) -> None:
    find_apps(environment, "HEROKU_API_KEY")
    (file,) = kept(environment)
    os.utime(file, (time.time() - age,) * 2)

    find_apps(environment, "HEROKU_API_KEY")

    assert len(listing.asked) == 2


def test_another_key_or_host_has_apps_of_its_own(environment: dict[str, str]) -> None:
    find_apps(environment, "HEROKU_API_KEY")
    find_apps({**environment, "HEROKU_API_KEY": "another"}, "HEROKU_API_KEY")

    assert len(kept(environment)) == 2


def test_without_a_key_nobody_is_asked_and_nothing_is_kept(
    environment: dict[str, str], listing: Listing
) -> None:
    del environment["HEROKU_API_KEY"]

    assert find_apps(environment, "HEROKU_API_KEY") == ()
    assert (listing.asked, kept(environment)) == ([], [])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"no json", id="no JSON"),
        pytest.param(b'{"name": "foo"}', id="no list"),
        pytest.param(b'[{"name": "$(touch gone)"}]', id="a name that a shell would run"),
        pytest.param(None, id="none at all"),
    ],
)
def test_a_platform_that_answers_badly_offers_nothing_and_is_not_asked_again_soon(
    answer: bytes | None, environment: dict[str, str], listing: Listing, tmp_path: Path
) -> None:
    listing.answer = answer

    begun = time.monotonic()
    first = offered(["deploy", "--from"], "", environment, tmp_path)
    asked = len(listing.asked)
    second = offered(["deploy", "--from"], "", environment, tmp_path)

    assert (first, second) == ([], [])
    assert len(listing.asked) == asked
    assert time.monotonic() - begun < HARD_LIMIT_SECONDS


@pytest.mark.parametrize("content", [b"", b"{}", b'["foo\\u001b[31m", 1, "foo-ok"]', b"[" * 5000])
def test_a_file_that_somebody_spoiled_offers_no_more_than_names(
    content: bytes, environment: dict[str, str]
) -> None:
    find_apps(environment, "HEROKU_API_KEY")
    (file,) = kept(environment)
    file.write_bytes(content)

    assert set(find_apps(environment, "HEROKU_API_KEY")) <= {"foo-a", "foo-b", "foo-ok"}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("no folder")

    assert find_apps(environment, "HEROKU_API_KEY") == ("foo-a", "foo-b")


def test_a_cache_named_by_a_relative_path_is_kept_at_home(tmp_path: Path) -> None:
    named = {"XDG_CACHE_HOME": "cache"}

    assert knownapps._folder(named, tmp_path) == tmp_path / ".cache" / "accelerator"


def test_a_wrong_file_and_a_wrong_host_leave_the_stages(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "accelerator.toml").write_text("=")
    environment["HEROKU_HOST"] = "example.com"

    assert offered(["deploy", "--to"], "", environment, tmp_path)[:2] == ["production", "staging"]


def test_commits_are_branches_tags_and_the_last_ones_but_no_name_a_shell_would_run(
    clone: Path, environment: dict[str, str]
) -> None:
    names = offered(["deploy", "--commit"], "", environment, clone)
    sha = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=clone, check=True, capture_output=True
    ).stdout.decode()

    assert names[0] == "HEAD"
    assert set(names) == {"HEAD", "main", "v1", "feature/two", sha.strip()}
    assert any("$(" in name for name, _ in list_recent(clone, environment))


def test_what_stands_beside_a_commit_is_its_subject_made_visible(
    clone: Path, environment: dict[str, str]
) -> None:
    edge = Invocation(environment, clone, io.StringIO(), io.StringIO())
    shell = ShellComplete(root_command, {"obj": edge}, "accelerator", "_ACCELERATOR_COMPLETE")
    told = {item.value: item.help for item in shell.get_completions(["deploy", "--commit"], "")}

    assert told["main"] == r"Begin\x1b[31m, in red"


def test_lock_remotes_are_those_of_the_clone_and_heroku(
    clone: Path, environment: dict[str, str]
) -> None:
    assert offered(["deploy", "--lock-remote"], "", environment, clone) == ["heroku", "origin"]
    assert list_remotes(clone, environment) == ("origin",)


def test_outside_of_a_clone_there_are_no_commits(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert offered(["deploy", "--commit"], "", environment, tmp_path) == ["HEAD"]


def test_without_git_nothing_is_offered(environment: dict[str, str], clone: Path) -> None:
    environment["PATH"] = str(clone)

    assert offered(["deploy", "--commit"], "", environment, clone) == []


@pytest.mark.parametrize(
    ("words", "begun", "wanted"),
    [
        pytest.param([], "fre", ["freeze"], id="a command"),
        pytest.param(["deploy"], "--on-m", ["--on-miss"], id="an option"),
        pytest.param(["deploy", "--on-miss"], "", ["build", "wait", "fail"], id="a word"),
        pytest.param(["help"], "acc", ["accept"], id="a command to explain"),
        pytest.param(["completion"], "z", ["zsh"], id="a shell"),
    ],
)
def test_commands_options_and_words_are_offered(
    words: list[str],
    begun: str,
    wanted: list[str],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    assert offered(words, begun, environment, tmp_path) == wanted


def test_every_option_that_names_an_app_a_target_a_commit_or_a_place_is_completed() -> None:
    named = {"APP", "TARGET", "REV", "DIR", "FILE", "NAME|URL"}
    bare = []
    for name in COMMANDS:
        command = root_command.get_command(click.Context(root_command), name)
        assert command is not None
        bare += [
            f"{name} {one.opts[0]}"
            for one in command.params
            if one.metavar in named and one._custom_shell_complete is None
        ]

    assert bare == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("accelerator deploy --to ", id="a target"),
        pytest.param("accelerator nothing --to ", id="a command there is not"),
        pytest.param("accelerator deploy 'open ", id="a quote that is open"),
    ],
)
def test_a_shell_that_asks_hears_of_no_error(words: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    asked = {"_ACCELERATOR_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    script = f"import os; os.rmdir({str(gone)!r}); from accelerator.__main__ import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=gone,
        env={"HEROKU_HOST": "http://example.com", "HEROKU_API_KEY": "x\n", **asked},
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, b"")
