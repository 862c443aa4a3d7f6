"""Play the scenes and keep their screens: as text, with colours, and as SVG."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from screens_parts.scenes import APPLICATION, SCENES, SMOKE_SECONDS
from screens_parts.terminal import PROMPT, Terminal, render_svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from screens_parts.scenes import Scene

ROWS = 40
APPS = {"prepare": "development", "staging": "staging", "production": "production"}
FEATURES = ("runtime-dyno-metadata", "runtime-dyno-build-metadata")


def main() -> None:
    """Play what is asked for."""
    asked = read_arguments()
    wanted = [scene for scene in SCENES if not asked.scene or scene.name in asked.scene]
    for columns in asked.columns or [80, 100, 140]:
        with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as env:
            repository = make_repository(Path(folder) / "foo", env)
            for scene in wanted:
                play(scene, repository, env, columns, asked.into)


def read_arguments() -> argparse.Namespace:
    """Read which scenes, how wide, and where to."""
    parser = argparse.ArgumentParser(prog="scripts/screens", description=__doc__)
    parser.add_argument("--scene", action="append", choices=[scene.name for scene in SCENES])
    parser.add_argument("--columns", action="append", type=int, help="80, 100 and 140 if not given")
    parser.add_argument("--into", type=Path, default=Path(".cache/screens"), help="[%(default)s]")
    return parser.parse_args()


@contextmanager
def running(home: Path) -> Iterator[dict[str, str]]:
    """Run a platform with three apps in a pipeline; yield what a shell needs to use it."""
    person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
    committer = {name.replace("AUTHOR", "COMMITTER"): said for name, said in person.items()}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", **person, **committer}
    program = str(Path(sys.executable).with_name("accelerator"))
    command = [program, "local", "--port", "0", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as platform:
        try:
            told = json.loads(platform.stdout.readline() if platform.stdout else "")
            env |= {"HEROKU_HOST": told["url"], "HEROKU_API_KEY": told["api_key"]}
            make_apps(told["url"], told["api_key"])
            yield {**env, "ACCELERATOR_DEADLINES_SMOKE_DEADLINE": SMOKE_SECONDS.partition("=")[2]}
        finally:
            platform.terminate()


def make_apps(url: str, key: str) -> None:
    """Make the apps as the tutorial does."""
    import requests  # noqa: PLC0415  # not for --help

    with requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = "application/vnd.heroku+json; version=3"
        session.headers["Authorization"] = f"Bearer {key}"

        def ask(method: str, path: str, **body: str | bool) -> dict[str, str]:
            answer = session.request(method, url + path, json=body, timeout=30)
            answer.raise_for_status()
            found: dict[str, str] = answer.json()
            return found

        pipeline = ask("POST", "/pipelines", name="foo")["id"]
        for role, stage in APPS.items():
            app = f"foo-{role}"
            ask("POST", "/apps", name=app)
            ask("POST", "/pipeline-couplings", app=app, pipeline=pipeline, stage=stage)
            for feature in FEATURES:
                ask("PATCH", f"/apps/{app}/features/{feature}", enabled=True)


def make_repository(directory: Path, env: Mapping[str, str]) -> Path:
    """Make a repository whose first commit runs on staging and production."""
    directory.mkdir()
    run(directory, env, "git init -q -b main")
    commit(directory, env, APPLICATION, "Serve it")
    run(directory, env, "accelerator deploy -q --from foo-prepare --to staging --to production")
    return directory


def commit(
    directory: Path, env: Mapping[str, str], files: Mapping[str, str | None], subject: str
) -> None:
    """Commit files; None removes one."""
    for name, text in files.items():
        path = directory / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    run(directory, env, f"git add -A && git commit -q --allow-empty -m '{subject}'")


def run(directory: Path, env: Mapping[str, str], command: str) -> None:
    """Run what nobody sees; its end does not matter here, its screen would tell."""
    subprocess.run(["sh", "-c", command], cwd=directory, env=dict(env), check=False)


def play(scene: Scene, directory: Path, env: Mapping[str, str], columns: int, into: Path) -> None:
    """Play one scene and keep its screens."""
    commit(directory, env, scene.files, scene.subject)
    for command in scene.before:
        run(directory, env, f"{command} -q >/dev/null")
    terminal = Terminal(directory, env, columns, ROWS)
    try:
        terminal.type(scene.typed, "Enter")
        if scene.middle is not None:
            typed = len(scene.typed)
            terminal.wait(lambda: scene.middle in "".join(terminal.lines)[typed:])
            keep(terminal, into / f"{scene.name}-{columns}-middle")
            terminal.type(*scene.keys)
        terminal.wait(lambda: terminal.lines[-1] == PROMPT.strip() and len(terminal.lines) > 2)
        keep(terminal, into / f"{scene.name}-{columns}")
    finally:
        terminal.close()


def keep(terminal: Terminal, path: Path) -> None:
    """Write a screen as text, with its colours, and as SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ansi = terminal.capture("-e")
    path.with_suffix(".txt").write_text(terminal.capture(), encoding="utf-8")
    path.with_suffix(".ansi").write_text(ansi, encoding="utf-8")
    svg = render_svg(ansi, terminal.columns, "accelerator")
    path.with_suffix(".svg").write_text(svg, encoding="utf-8")


main()
