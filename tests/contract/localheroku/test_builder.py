"""Builds: buildpacks, caches, failures and cancellation, with real processes."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Builds

from accelerator.localheroku.building import archives, cache
from accelerator.localheroku.building.commands import Shell
from accelerator.localheroku.building.packs import default_process_types

Git = Callable[..., subprocess.CompletedProcess[str]]
PYTHON_APP = {"requirements.txt": "", "Procfile": "web: python app.py\n", "app.py": "print('hi')\n"}

DJANGO_APP = PYTHON_APP | {"django/__init__.py": ""}


def write_wheel(directory: Path, name: str, version: str, program: str = "") -> str:
    """Write a wheel with a console script and return its file name."""
    directory.mkdir(parents=True, exist_ok=True)
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": program or f"def main():\n    print('{name} {version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    records = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in contents.items()]
    contents[f"{info}/RECORD"] = "".join([*records, f"{info}/RECORD,,\n"])
    with zipfile.ZipFile(directory / file, "w") as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)
    return file


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def run_in_slug(builds: Builds, command: str) -> str:
    """Run a command in the unpacked slug as a dyno would."""
    root = builds.slug()
    script = f"for f in .profile.d/*.sh; do . $f; done; {command}"
    environment = {"HOME": str(root), "PATH": "/usr/bin:/bin"}
    return subprocess.check_output(["bash", "-c", script], cwd=root, env=environment, text=True)


def test_a_python_app_without_requirements_builds_and_runs(builds: Builds) -> None:
    result = builds.build(PYTHON_APP)

    assert result.succeeded
    assert result.process_types == {"web": "python app.py"}
    assert result.buildpacks == ("heroku/python",)
    assert result.language == "Python"
    assert result.size == builds.order.slug.stat().st_size
    assert run_in_slug(builds, "python app.py") == "hi\n"


def test_the_log_reads_as_heroku_writes_it(builds: Builds) -> None:
    builds.build(PYTHON_APP | {"Procfile": "web: a\nrelease: b\n"})

    assert all(line.endswith("\n") for line in builds.log)
    assert builds.log[:3] == [
        "-----> Building on the Heroku-24 stack\n",
        "-----> Determining which buildpack to use for this app\n",
        "-----> Python app detected\n",
    ]
    assert "-----> Discovering process types\n" in builds.log
    assert "       Procfile declares types -> release, web\n" in builds.log
    assert "-----> Compressing...\n       Done: " in builds.text


def test_requirements_are_installed_and_their_scripts_move_with_the_slug(builds: Builds) -> None:
    wheel = write_wheel(builds.directory.parent / "wheels", "greeter", "1.0")
    requirement = f"greeter @ file://{builds.directory.parent}/wheels/{wheel}\n"

    result = builds.build(PYTHON_APP | {"requirements.txt": requirement})

    assert result.succeeded, builds.text
    assert run_in_slug(builds, "greeter") == "greeter 1.0\n"


def test_a_pyproject_serves_where_there_is_no_requirements_file(builds: Builds) -> None:
    wheel = write_wheel(builds.directory.parent / "wheels", "greeter", "1.0")
    project = (
        '[project]\nname = "shop"\nversion = "1"\n'
        f'dependencies = ["greeter @ file://{builds.directory.parent}/wheels/{wheel}"]\n'
    )

    result = builds.build({"pyproject.toml": project, "app.py": ""})

    assert result.succeeded, builds.text
    assert run_in_slug(builds, "greeter") == "greeter 1.0\n"


def test_a_second_build_uses_the_installed_environment_of_the_first(builds: Builds) -> None:
    wheel = write_wheel(builds.directory.parent / "wheels", "greeter", "1.0")
    path = builds.directory.parent / "wheels" / wheel
    app = PYTHON_APP | {"requirements.txt": f"greeter @ file://{path}\n"}
    builds.build(app)

    result = builds.build(app | {"app.py": "print('second')\n"})

    assert result.succeeded
    assert "Using the installed dependencies" in builds.text
    assert run_in_slug(builds, "greeter; python app.py") == "greeter 1.0\nsecond\n"


def test_changed_requirements_are_installed_anew(builds: Builds) -> None:
    wheels = builds.directory.parent / "wheels"
    first, second = (write_wheel(wheels, "greeter", version) for version in ("1.0", "2.0"))
    builds.build(PYTHON_APP | {"requirements.txt": f"greeter @ file://{wheels}/{first}\n"})

    builds.build(PYTHON_APP | {"requirements.txt": f"greeter @ file://{wheels}/{second}\n"})

    assert run_in_slug(builds, "greeter") == "greeter 2.0\n"
    assert len(list(builds.order.cache.glob("python-*.tar"))) == 1


def test_static_files_are_collected_with_the_config_vars(builds: Builds) -> None:
    manage = (
        "import os, sys\nopen('static.txt', 'w').write(' '.join(sys.argv[1:]) + os.environ['X'])\n"
    )

    result = builds.build(DJANGO_APP | {"manage.py": manage}, environment={"X": " shop"})

    assert result.succeeded
    assert (builds.slug() / "static.txt").read_text() == "collectstatic --noinput shop"


def test_collecting_static_files_can_be_switched_off(builds: Builds) -> None:
    app = DJANGO_APP | {"manage.py": "raise SystemExit(1)\n"}

    result = builds.build(app, environment={"DISABLE_COLLECTSTATIC": "1"})

    assert result.succeeded


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(
            {"index.html": "hi"},
            ["No default language could be detected for this app.\n"],
            id="no buildpack takes it",
        ),
        pytest.param(
            {"app.py": ""},
            ["have either a requirements.txt", "failed to compile Python app.\n"],
            id="a Python app without requirements",
        ),
        pytest.param(
            {"requirements.txt": "./absent-1.0-py3-none-any.whl\n"},
            ["Unable to install dependencies", "failed to compile Python app.\n"],
            id="a requirement that is not there",
        ),
        pytest.param(
            DJANGO_APP | {"manage.py": "raise SystemExit('no settings')\n"},
            ["no settings", "collectstatic", "failed to compile Python app.\n"],
            id="static files that cannot be collected",
        ),
        pytest.param(
            {"bin/compile": "#!/bin/sh\necho broken; exit 3\n"},
            ["broken\n", " !     Push rejected, failed to compile Inline app.\n"],
            id="its own compile fails",
        ),
    ],
)
def test_a_failed_build_says_why_and_leaves_no_slug(
    builds: Builds, files: dict[str, str], words: list[str]
) -> None:
    result = builds.build(files)

    assert not result.succeeded
    assert builds.text.endswith("\n !     Push failed\n")
    assert [word for word in words if word not in builds.text] == []
    assert not builds.order.slug.exists()
    assert [path.name for path in builds.order.cache.parent.iterdir()] == ["shop.lock"]


def test_an_unsafe_source_fails_the_build(builds: Builds) -> None:
    tree = builds.write_tree(builds.directory / "evil", PYTHON_APP)
    (tree / "passwords").symlink_to("/etc/passwd")

    result = builds.build_archive(builds.write_tar(tree, builds.directory / "evil.tgz"))

    assert not result.succeeded
    assert "link passwords leaves the archive" in builds.text


def test_an_archive_of_a_code_host_is_built_from_its_only_directory(builds: Builds) -> None:
    tree = builds.write_tree(builds.directory / "tree", PYTHON_APP)

    result = builds.build_archive(
        builds.write_tar(tree, builds.directory / "s.tgz", prefix="shop-1a2b3c")
    )

    assert result.process_types == {"web": "python app.py"}


def test_the_inline_buildpack_runs_the_apps_own_scripts(builds: Builds) -> None:
    result = builds.build(
        {
            "requirements.txt": "",
            "bin/detect": "#!/bin/sh\necho Rust\n",
            "bin/compile": '#!/bin/sh\ntest -d "$2" && test -d "$3" && echo built > "$1/built"\n',
            "bin/release": "#!/bin/sh\necho 'default_process_types:'\necho '  web: ./built'\n",
        }
    )

    assert result.buildpacks == ("heroku/inline",)
    assert result.language == "Rust"
    assert result.process_types == {"web": "./built"}
    assert (builds.slug() / "built").read_text() == "built\n"


def test_a_procfile_wins_over_the_default_process_types(builds: Builds) -> None:
    release = "#!/bin/sh\necho 'default_process_types: {web: default, worker: \"work, hard\"}'\n"

    result = builds.build(
        {"bin/compile": "#!/bin/sh\n", "bin/release": release, "Procfile": "web: own\n"}
    )

    assert result.process_types == {"web": "own", "worker": "work, hard"}
    assert "       Default types for buildpack -> worker\n" in builds.log


def test_a_compile_sees_the_build_variables_and_not_the_platforms_own(
    builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEROKU_API_KEY", "the platform's secret")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", "/of/the/company.pem")
    compiled = '#!/bin/sh\nenv > "$1/seen"\ncat "$3/COLOUR" > "$1/colour"\n'

    builds.build({"bin/compile": compiled}, environment={"COLOUR": "deep\nred", "../evil": "x"})

    seen = dict(
        line.split("=", 1)
        for line in (builds.slug() / "seen").read_text().splitlines()
        if "=" in line
    )
    assert (seen["STACK"], seen["SOURCE_VERSION"]) == ("heroku-24", "c0ffee")
    assert seen["NODE_EXTRA_CA_CERTS"] == "/of/the/company.pem"
    assert {"HEROKU_API_KEY", "COLOUR", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"} & set(seen) == set()
    assert (builds.slug() / "colour").read_text() == "deep\nred"


def _pack(builds: Builds, root: Path, word: str, compiled: str) -> Path:
    return builds.write_tree(
        root,
        {
            "bin/detect": f"#!/bin/sh\necho {word}\n",
            "bin/compile": f"#!/bin/bash\n{compiled}",
            "bin/release": f"#!/bin/sh\necho 'default_process_types:'; echo '  web: {word}'\n",
        },
    )


def test_several_buildpacks_run_in_order_and_export_to_the_next(
    builds: Builds, tmp_path: Path
) -> None:
    exporting = 'echo "export WORD=hello" > "$(dirname "$0")/../export"\n'
    first = _pack(builds, tmp_path / "first", "First", exporting)
    second = _pack(builds, tmp_path / "second", "Second", 'echo "$WORD" > "$1/word"\n')

    result = builds.build({"x": ""}, buildpacks=(str(first), str(second)))

    assert result.succeeded, builds.text
    assert (builds.slug() / "word").read_text() == "hello\n"
    assert result.buildpacks == (str(first), str(second))
    assert (result.language, result.process_types) == ("Second", {"web": "Second"})
    assert not (first / "export").exists()


@pytest.mark.git
def test_a_buildpack_comes_from_a_branch_of_a_git_repository(
    builds: Builds, tmp_path: Path, git: Git
) -> None:
    repository = _pack(builds, tmp_path / "pack", "Main", "exit 1\n")
    git("init", "-b", "main", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "-m", "one", cwd=repository)
    git("checkout", "-b", "stable", cwd=repository)
    _pack(builds, repository, "Stable", "exit 0\n")
    git("commit", "-am", "two", cwd=repository)
    git("checkout", "main", cwd=repository)
    url = f"file://{repository}#stable"

    result = builds.build({"x": ""}, buildpacks=(url,))

    assert result.succeeded, builds.text
    assert (result.language, result.buildpacks) == ("Stable", (url,))


def test_a_buildpack_comes_from_an_archive(builds: Builds, tmp_path: Path) -> None:
    pack = _pack(builds, tmp_path / "pack", "Packed", "exit 0\n")
    archive = builds.write_tar(pack, tmp_path / "pack.tgz", prefix="pack-1.0")

    result = builds.build({"x": ""}, buildpacks=(f"file://{archive}",))

    assert result.language == "Packed", builds.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("heroku/cobol", "heroku/cobol is neither a buildpack", id="an unknown name"),
        pytest.param("file:///nowhere/pack", "cannot clone", id="a repository that is not there"),
        pytest.param("file:///nowhere/pack.tgz", "cannot fetch", id="an archive that is not there"),
        pytest.param("/usr", "lacks bin/detect", id="a directory that is no buildpack"),
        pytest.param("heroku/python", "App not compatible with buildpack", id="one that declines"),
    ],
)
def test_a_buildpack_that_cannot_serve_fails_the_build(
    builds: Builds, name: str, words: str
) -> None:
    result = builds.build({"x": ""}, buildpacks=(name,))

    assert not result.succeeded
    assert words in builds.text


def test_a_cancelled_build_takes_its_processes_with_it(builds: Builds, tmp_path: Path) -> None:
    marker = tmp_path / "pids"
    compiled = (
        "#!/bin/bash\nsetsid sleep 60 & sleep 60 &\n"
        f"echo $! $(jobs -p) > {marker}; echo started; wait\n"
    )
    builds.on_line = lambda line: builds.cancelled.set() if line == "started\n" else None

    result = builds.build({"bin/compile": compiled})

    assert not result.succeeded
    assert not builds.order.slug.exists()
    assert [pid for pid in marker.read_text().split() if _lives(pid)] == []


def test_a_build_that_takes_too_long_fails(builds: Builds) -> None:
    result = builds.build({"bin/compile": "#!/bin/sh\nsleep 60\n"}, limit=0.3)

    assert not result.succeeded
    assert "took too long" in builds.text


def test_a_child_left_in_the_background_does_not_hold_the_build(
    builds: Builds, tmp_path: Path
) -> None:
    marker = tmp_path / "pid"
    compiled = f"#!/bin/bash\nsleep 60 & echo $! > {marker}\nprintf 'no newline'\n"

    result = builds.build({"bin/compile": compiled})

    assert result.succeeded
    assert "no newline\n" in builds.log
    assert not _lives(marker.read_text().strip())


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_the_cache_is_kept_by_a_build_that_succeeds_and_only_by_that(builds: Builds) -> None:
    counting = '#!/bin/bash\necho x >> "$2/count"; wc -l < "$2/count" > "$1/count"\n'
    builds.build({"bin/compile": counting})
    builds.build({"bin/compile": counting + "exit 1\n"})

    builds.build({"bin/compile": counting})

    assert (builds.slug() / "count").read_text().strip() == "2"


def test_a_cleared_cache_is_empty_for_the_next_build(builds: Builds) -> None:
    compiled = '#!/bin/bash\nls "$2" > "$1/seen"; touch "$2/kept"\n'
    builds.build({"bin/compile": compiled})

    cache.clear(builds.order.cache)
    builds.build({"bin/compile": compiled})

    assert (builds.slug() / "seen").read_text() == ""


def test_builds_of_one_app_do_not_share_a_cache_while_they_run(
    builds: Builds, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    slow = f'#!/bin/bash\nread line < {fifo}; ls "$2" > "$1/seen"\n'
    other = builds.another(tmp_path / "other")
    first = threading.Thread(target=builds.build, args=({"bin/compile": slow},))
    first.start()

    result = other.build(
        {"bin/compile": '#!/bin/sh\ntouch "$2/kept"\n'}, slug=tmp_path / "other.tgz"
    )
    fifo.write_text("go\n")
    first.join()

    assert result.succeeded
    assert (builds.slug() / "seen").read_text() in ("", "kept\n")


def test_a_slugignore_works_before_the_buildpack(builds: Builds) -> None:
    compiled = '#!/bin/sh\nls "$1" > "$1/seen"\n'

    builds.build({"bin/compile": compiled, "secret.psd": "x", ".slugignore": "*.psd\n"})

    assert "secret.psd" not in (builds.slug() / "seen").read_text().split()


@pytest.mark.parametrize(
    ("text", "types"),
    [
        pytest.param("--- {}\n", {}, id="nothing"),
        pytest.param("---\naddons:\n  - x\n", {}, id="only add-ons"),
        pytest.param(
            "---\nconfig_vars:\n  A: b\ndefault_process_types:\n  web: 'it''s: \"me\"'\n"
            "  console: run # not a remark here\naddons: []\n",
            {"web": 'it\'s: "me"', "console": "run # not a remark here"},
            id="indented",
        ),
        pytest.param(
            'default_process_types: {"web": "a, b", x: c}\n', {"web": "a, b", "x": "c"}, id="braces"
        ),
    ],
)
def test_default_process_types_are_read(text: str, types: dict[str, str]) -> None:
    assert default_process_types(text) == types


def test_a_script_that_another_thread_still_holds_open_is_run_a_little_later(
    builds: Builds,
) -> None:
    script = builds.write_tree(builds.directory, {"script": "#!/bin/sh\necho ran\n"}) / "script"
    lines: list[str] = []
    shell = Shell(builds.directory, {}, lines.append, threading.Event(), float("inf"), None)
    held = script.open("a")
    threading.Timer(0.2, held.close).start()

    status = shell.run([script])

    assert (status, lines) == (0, ["ran\n"])


def test_unpacked_scripts_can_be_run_while_other_threads_start_processes(builds: Builds) -> None:
    files = builds.write_tree(builds.directory / "files", {"script": "#!/bin/sh\nexit 0\n"})
    archive = builds.write_tar(files, builds.directory / "files.tgz")

    def run(number: int) -> int:
        to = builds.directory / f"unpacked-{number}"
        archives.unpack(archive, to)
        # The shell runs it, so nothing here could try again.
        return subprocess.run(["sh", "-c", 'exec "$0"', to / "script"], check=False).returncode

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(run, range(200)))

    assert set(statuses) == {0}


def test_no_link_of_a_source_shows_what_is_outside_of_it(builds: Builds, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("web: secret\n")
    archive = tmp_path / "source.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("deep/file"))
        for name, target in (("deep/up", ".."), ("Procfile", "deep/up/../../../secret")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)

    result = builds.build_archive(archive)

    assert not result.succeeded
    assert result.process_types == {}
    assert "The source cannot be built: link Procfile leaves the archive" in builds.text


def test_a_procfile_that_a_build_made_a_link_out_of_the_app_is_not_read(
    builds: Builds, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("web: secret\n")
    compile_it = f'#!/bin/sh\nln -s {tmp_path}/secret "$1/Procfile"\n'

    result = builds.build({"bin/compile": compile_it})

    assert not result.succeeded
    assert "Procfile is a link that leaves the app" in builds.text
