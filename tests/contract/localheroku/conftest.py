"""Shared fixtures: trees of files, archives of them, builds, and the git client."""

from __future__ import annotations

import subprocess
import tarfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.localheroku.building import slugs
from accelerator.localheroku.building.builder import BuildOrder, BuildResult, build

if TYPE_CHECKING:
    from pathlib import Path

Files = Mapping[str, str]


@dataclass
class Builds:
    """A bench for builds of one app; tests cannot import this module, so it carries helpers."""

    directory: Path
    order: BuildOrder
    cancelled: threading.Event
    log: list[str]
    on_line: Callable[[str], None] = lambda _: None

    def build(self, files: Files, **changes: Any) -> BuildResult:
        source = self.directory / f"source-{len(list(self.directory.iterdir()))}"
        self.write_tree(source, files)
        return self.build_archive(self.write_tar(source, source.with_suffix(".tgz")), **changes)

    def build_archive(self, archive: Path, **changes: Any) -> BuildResult:
        self.log.clear()
        order = replace(self.order, source=archive, **changes)
        return build(order, self._write, self.cancelled)

    def another(self, directory: Path) -> Builds:
        """Make a bench for a build of the same app beside this one."""
        directory.mkdir()
        return Builds(directory, self.order, threading.Event(), [])

    @staticmethod
    def write_tree(root: Path, files: Files) -> Path:
        """Write files; those with a shebang become executable."""
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o755 if content.startswith("#!") else 0o644)
        return root

    @staticmethod
    def write_tar(tree: Path, archive: Path, prefix: str = ".") -> Path:
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(tree, prefix)
        return archive

    @property
    def text(self) -> str:
        return "".join(self.log)

    def slug(self) -> Path:
        """Unpack the slug and return the app's root."""
        return slugs.unpack(self.order.slug, self.directory / f"slug-{len(self.log)}")

    def _write(self, line: str) -> None:
        self.log.append(line)
        self.on_line(line)


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    order = BuildOrder(
        app="shop",
        source=tmp_path / "none",
        version="c0ffee",
        buildpacks=(),
        environment={},
        cache=tmp_path / "caches" / "shop",
        slug=tmp_path / "slugs" / "slug.tgz",
    )
    sources = tmp_path / "sources"
    sources.mkdir()
    return Builds(sources, order, threading.Event(), [])


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real git client with a home of its own."""
    environment = {
        "PATH": subprocess.check_output(["sh", "-c", "echo $PATH"], text=True).strip(),
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
    }

    def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
