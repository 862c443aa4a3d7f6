"""Turn a source archive into a slug, by Heroku's buildpack interface."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelerator.localheroku.building import archives, cache, ignoring, packs, slugs
from accelerator.localheroku.building.commands import Cancelled, Shell, TooLong
from accelerator.localheroku.building.packs import Pack, PackMissing
from accelerator.localheroku.building.trees import Unreadable
from accelerator.localheroku.keeper import Keeper, kill_strays

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

_LARGEST_SLUG = 500 * 1024 * 1024
# What installers need of this machine; everything else of the platform's own stays here.
_LET_THROUGH = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY"
    r"|(?i:npm_config)_(?i:registry|cafile|proxy|https_proxy|noproxy|strict_ssl)"
    r"|PIP_(?!TARGET|PREFIX|ROOT|USER|REQUIRE_VIRTUALENV|PYTHON)\w+"
    r"|GO(?:PROXY|SUMDB|PRIVATE|NOPROXY|NOSUMDB)|BUNDLE_MIRROR\w*|JAVA_HOME"
    r"|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|NODE_EXTRA_CA_CERTS"
)


@dataclass(frozen=True)
class BuildOrder:
    """Everything one build needs to know.

    `source` is never trusted. `environment` reaches the buildpacks as files, not as variables.
    `cache` is shared by the app's builds, `limit` is in seconds.
    """

    app: str
    source: Path
    version: str | None
    buildpacks: tuple[str, ...]
    environment: Mapping[str, str]
    cache: Path
    slug: Path
    stack: str = "heroku-24"
    limit: float = 900.0


@dataclass(frozen=True)
class BuildResult:
    """What came of a build; `buildpacks` are the ones really used."""

    succeeded: bool
    process_types: Mapping[str, str] = field(default_factory=dict)
    checksum: str | None = None
    size: int | None = None
    buildpacks: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True)
class _Used:
    """A buildpack that took the app."""

    pack: Pack
    language: str


class _Rejected(Exception):
    """The build failed; the text says why, in Heroku's words."""


def build(
    order: BuildOrder,
    write: Callable[[str], None],
    cancelled: threading.Event,
    keeper: Keeper | None = None,
) -> BuildResult:
    """Build the slug and report whether there is one; block until then.

    `write` gets whole lines. A failed or cancelled build leaves slug and cache as they were.
    """
    order.cache.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".build-{order.app}-", dir=order.cache.parent)).resolve()
    try:
        return _Build(order, write, cancelled, work, keeper).run()
    except Cancelled:
        write(" !     Build canceled\n")
    except TooLong:
        write(" !     Push rejected, the build took too long.\n\n !     Push failed\n")
    except _Rejected as reason:
        write(f"{reason}\n !     Push failed\n")
    except (archives.UnsafeArchive, Unreadable) as error:
        write(f" !     The source cannot be built: {error}\n\n !     Push failed\n")
    except OSError as error:
        write(f" !     The build could not go on: {error}\n\n !     Push failed\n")
    finally:
        kill_strays(work)
        shutil.rmtree(work, ignore_errors=True)
    return BuildResult(succeeded=False)


class _Build:
    """One build in its own directory `work`."""

    def __init__(
        self,
        order: BuildOrder,
        write: Callable[[str], None],
        cancelled: threading.Event,
        work: Path,
        keeper: Keeper | None,
    ) -> None:
        self.order, self.write, self.work = order, write, work
        self.tree = work / "tree"
        deadline = time.monotonic() + order.limit
        environment = _environment(order, work)
        self.shell = Shell(work, environment, write, cancelled, deadline, keeper)

    def run(self) -> BuildResult:
        """Tell the story of a build."""
        stack = self.order.stack.capitalize()
        self.write(f"-----> Building on the {stack} stack\n")
        self._unpack_source()
        cache.copy_in(self.order.cache, self.work / "cache")
        self._write_config_vars()
        used = self._compile_all()
        types = self._discover_process_types(used[-1])
        packed = self._compress()
        cache.swap_out(self.work / "cache", self.order.cache)
        names = tuple(one.pack.name for one in used)
        return BuildResult(True, types, packed.checksum, packed.size, names, used[-1].language)

    def _unpack_source(self) -> None:
        archives.unpack(self.order.source, self.work / "source", check=self.shell.check)
        archives.root_of(self.work / "source").rename(self.tree)
        self.shell = replace(self.shell, directory=self.tree)
        ignoring.apply_slugignore(self.tree, self.shell.check)
        self.shell.check()

    def _write_config_vars(self) -> None:
        directory = self.work / "env"
        directory.mkdir()
        for name, value in self.order.environment.items():
            if re.fullmatch(r"\w+", name):
                (directory / name).write_text(value, encoding="utf-8", newline="")

    def _compile_all(self) -> list[_Used]:
        used: list[_Used] = []
        for one in self._accepted_packs():
            self.write(f"-----> {one.language} app detected\n")
            self._compile(one, [earlier.pack for earlier in used])
            used.append(one)
        return used

    def _accepted_packs(self) -> Iterator[_Used]:
        """Find the buildpacks one by one: what one compiles, the next may detect."""
        names = self.order.buildpacks
        if not names:
            self.write("-----> Determining which buildpack to use for this app\n")
            yield self._detect_any()
        elif len(names) == 1:
            self.write(f"-----> Using buildpack: {names[0]}\n")
        else:
            listed = "".join(f"       {n}. {name}\n" for n, name in enumerate(names, 1))
            self.write(f"-----> Using buildpacks:\n{listed}")
        for index, name in enumerate(names):
            yield self._detect_named(name, self.work / f"buildpack-{index}")

    def _detect_any(self) -> _Used:
        for index, name in enumerate(packs.NAMES):
            pack = packs.fetch(name, self.work / f"buildpack-{index}", self.shell)
            status, output = self._detect(pack)
            if status == 0:
                return _Used(pack, output)
        raise _Rejected(
            " !     No default language could be detected for this app.\n"
            "\t\t\tHINT: This occurs when Heroku cannot detect the buildpack to use for this"
            " application automatically.\n"
            "\t\t\tSee https://devcenter.heroku.com/articles/buildpacks\n"
        )

    def _detect_named(self, name: str, to: Path) -> _Used:
        try:
            pack = packs.fetch(name, to, self.shell)
        except PackMissing as error:
            raise _Rejected(f" !     Could not fetch the buildpack: {error}\n") from error
        status, output = self._detect(pack)
        if status == 0:
            return _Used(pack, output)
        self.write(f"-----> App not compatible with buildpack: {name}\n")
        indented = "".join(f"       {line}\n" for line in output.splitlines())
        hint = "https://devcenter.heroku.com/articles/buildpacks#detection-failure"
        raise _Rejected(f"{indented}       More info: {hint}\n")

    def _detect(self, pack: Pack) -> tuple[int, str]:
        status, output = self._capture(pack, "detect", self.tree)
        return status, output.strip()

    def _compile(self, one: _Used, earlier: list[Pack]) -> None:
        exports = [pack.exports for pack in earlier if pack.exports.is_file()]
        # Exports are shell scripts: a shell reads them and becomes the buildpack.
        count = len(exports)
        script = f'for f in "${{@:1:{count}}}"; do . "$f"; done; shift {count}; exec "$@"'
        prefix: list[str | Path] = ["bash", "-c", script, "bash", *exports] if exports else []
        arguments = [self.tree, self.work / "cache", self.work / "env"]
        program = _executable(one.pack, "compile")
        if self.shell.run([*prefix, program, *arguments]) != 0:
            language = one.language
            raise _Rejected(f" !     Push rejected, failed to compile {language} app.\n")

    def _discover_process_types(self, last: _Used) -> Mapping[str, str]:
        declared = slugs.read_procfile(self.tree)
        defaults: Mapping[str, str] = {}
        if last.pack.program("release").is_file():
            status, output = self._capture(last.pack, "release", self.tree)
            if status != 0:
                raise _Rejected(f" !     Push rejected, failed to release {last.language} app.\n")
            defaults = packs.default_process_types(output)
        self.write("-----> Discovering process types\n")
        self.write(f"       Procfile declares types -> {', '.join(sorted(declared)) or '(none)'}\n")
        added = sorted(set(defaults) - set(declared))
        if added:
            self.write(f"       Default types for buildpack -> {', '.join(added)}\n")
        return {**defaults, **declared}

    def _compress(self) -> slugs.Packed:
        self.write("\n-----> Compressing...\n")
        self.shell.check()
        packed = slugs.pack(self.tree, self.work / "slug.tgz")
        self.shell.check()
        megabytes = packed.size / 1024 / 1024
        if packed.size > _LARGEST_SLUG:
            size = f"{megabytes:.1f}M"
            raise _Rejected(f" !     Compiled slug size: {size} is too large (max is 500M).\n")
        self.order.slug.parent.mkdir(parents=True, exist_ok=True)
        _move(self.work / "slug.tgz", self.order.slug)
        self.write(f"       Done: {_size(packed.size)}\n")
        return packed

    def _capture(self, pack: Pack, program: str, *arguments: Path) -> tuple[int, str]:
        return self.shell.capture([_executable(pack, program), *arguments])


def _executable(pack: Pack, name: str) -> Path:
    program = pack.program(name)
    if not os.access(program, os.X_OK):
        raise _Rejected(f" !     bin/{name} of {pack.name} is not executable.\n")
    return program


def _environment(order: BuildOrder, work: Path) -> dict[str, str]:
    environment = {
        name: value for name, value in os.environ.items() if _LET_THROUGH.fullmatch(name)
    }
    (work / "tmp").mkdir()
    environment |= {
        "PATH": f"{_python_on_path(work)}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "TMPDIR": str(work / "tmp"),
        "STACK": order.stack,
        "GIT_TERMINAL_PROMPT": "0",
    }
    return environment | ({"SOURCE_VERSION": order.version} if order.version else {})


def _python_on_path(work: Path) -> Path:
    """Make a directory whose `python3` is the interpreter behind our virtual environment.

    What a build installs must not depend on the environment the platform lives in.
    """
    directory = work / "bin"
    directory.mkdir()
    base = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    for name in ("python3", "python"):
        wrapper = directory / name
        wrapper.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
        wrapper.chmod(0o755)
    return directory


def _move(slug: Path, to: Path) -> None:
    # Copied beside its place first: the slugs may be on another disk than the work.
    beside = to.with_name(f".{to.name}.{slug.parent.name}")
    shutil.move(slug, beside)
    beside.replace(to)


def _size(size: int) -> str:
    if size >= 1024 * 1024:
        return f"{size / 1024 / 1024:.1f}M"
    return f"{max(size / 1024, 0.1):.1f}K"
