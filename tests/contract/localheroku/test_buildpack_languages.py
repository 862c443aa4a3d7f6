"""The built-in buildpacks for Ruby, Go and Gradle, without any network."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.localheroku.conftest import Builds

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed here")
needs_ruby = pytest.mark.skipif(
    shutil.which("ruby") is None or shutil.which("bundle") is None,
    reason="ruby and bundler are not installed here",
)
MAIN = """\
package main

import "example.com/shop/words"

func main() { println(words.Said) }
"""
GO_APP = {
    "go.mod": "module example.com/shop\n\ngo 1.18\n",
    "main.go": MAIN,
    "words/words.go": 'package words\n\nconst Said = "from go"\n',
}
GEM = """\
Gem::Specification.new do |gem|
  gem.name, gem.version, gem.summary, gem.authors = "NAME", "1.0.0", "for a test", ["us"]
  gem.files = ["lib/greeter.rb", "bin/rake"]
  gem.bindir, gem.executables = "bin", "NAME" == "rake" ? ["rake"] : []
end
"""
RAKE = """\
#!/usr/bin/env ruby
ARGV == ["-P"] ? puts("rake assets:precompile") : load("Rakefile")
"""
LOCK = """\
GEM
  specs:
SPECS

PLATFORMS
  ruby

DEPENDENCIES
NAMES
"""


def _run(builds: Builds, command: str) -> str:
    """Run a command in the slug as a dyno would."""
    root = builds.slug()
    script = f"for f in .profile.d/*.sh; do . $f; done; {command}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        env={"HOME": str(root), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@needs_go
@pytest.mark.slow
def test_a_go_app_is_compiled_and_its_one_program_is_the_web_process(builds: Builds) -> None:
    result = builds.build(GO_APP)

    assert result.succeeded
    assert (result.language, dict(result.process_types)) == ("Go", {"web": "bin/shop"})
    assert _run(builds, "shop") == "from go\n"


@needs_go
@pytest.mark.slow
def test_a_newer_go_than_there_is_is_named_in_one_line(builds: Builds) -> None:
    builds.build(GO_APP | {"go.mod": "module example.com/shop\n\n// +heroku goVersion go1.99\n"})

    assert " !     go.mod asks for Go 1.99, which this machine lacks.\n" in builds.text


@needs_go
@pytest.mark.slow
def test_a_module_that_go_cannot_read_fails_the_build_with_its_words(builds: Builds) -> None:
    assert not builds.build(GO_APP | {"go.mod": "module example.com/shop\n\nnonsense\n"}).succeeded

    assert "nonsense" in builds.text
    assert "go could not read the module" in builds.text


@needs_go
@pytest.mark.slow
def test_go_code_that_does_not_compile_fails_the_build(builds: Builds) -> None:
    assert not builds.build(
        GO_APP | {"main.go": "package main\n\nfunc main() { nonsense }\n"}
    ).succeeded

    assert "undefined: nonsense" in builds.text
    assert "failed to compile Go app" in builds.text


@pytest.fixture
def gems(tmp_path: Path) -> Path:
    """A folder with two gems: one to be used, and one that runs as Rake does."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/greeter.rb").write_text('GREETING = "from the gem"\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/rake").write_text(RAKE)
    for name in ("greeter", "rake"):
        (tmp_path / f"{name}.gemspec").write_text(GEM.replace("NAME", name))
        subprocess.run(["gem", "build", name], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def _ruby_app(*gems: str) -> dict[str, str]:
    lines = "".join(f"    {name} (1.0.0)\n" for name in gems)
    names = "".join(f"  {name}\n" for name in gems)
    return {
        "Gemfile": "".join(f'gem "{name}"\n' for name in gems),
        "Gemfile.lock": LOCK.replace("SPECS\n", lines).replace("NAMES\n", names),
        "app.rb": 'require "greeter"; puts "#{GREETING} #{ENV["RACK_ENV"]}"\n',
    }


def _build_ruby(builds: Builds, gems: Path, app: dict[str, str]) -> bool:
    tree = builds.write_tree(builds.directory / "ruby", app)
    (tree / "vendor/cache").mkdir(parents=True)
    for gem in gems.glob("*.gem"):
        shutil.copy(gem, tree / "vendor/cache")
    return builds.build_archive(builds.write_tar(tree, builds.directory / "ruby.tgz")).succeeded


@needs_ruby
def test_a_ruby_app_gets_its_locked_gems(builds: Builds, gems: Path) -> None:
    app = _ruby_app("greeter") | {"Procfile": "web: bundle exec ruby app.rb\n"}

    assert _build_ruby(builds, gems, app)

    assert "       Bundle complete: 1 gems installed\n" in builds.text
    assert _run(builds, "bundle exec ruby app.rb") == "from the gem production\n"


@needs_ruby
def test_assets_are_precompiled_where_rake_can(builds: Builds, gems: Path) -> None:
    rakefile = 'require "greeter"; File.write("assets.txt", ENV["RAILS_ENV"] + " " + GREETING)\n'

    assert _build_ruby(builds, gems, _ruby_app("greeter", "rake") | {"Rakefile": rakefile})

    assert (builds.slug() / "assets.txt").read_text() == "production from the gem"


@needs_ruby
@pytest.mark.parametrize(
    ("gem", "web"),
    [
        pytest.param("rack", "bundle exec rackup config.ru -p ${PORT:-5000}", id="Rack"),
        pytest.param("railties", "bin/rails server -p ${PORT:-5000} -e $RAILS_ENV", id="Rails"),
    ],
)
def test_a_ruby_app_without_a_procfile_is_started_as_its_framework_is(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gem: str, web: str
) -> None:
    bundle = tmp_path / "bin" / "bundle"
    bundle.parent.mkdir()
    bundle.write_text("#!/bin/sh\nexit 0\n")
    bundle.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bundle.parent}{os.pathsep}{os.environ['PATH']}")

    result = builds.build(_ruby_app(gem))

    assert result.process_types["web"] == web


WRAPPER = """\
#!/bin/sh
echo "gradle got $*, daemon off: $GRADLE_OPTS"
mkdir -p build/libs; : > build/libs/shop-1.0.jar; : > build/libs/shop-1.0-plain.jar
"""


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a Java that does nothing on the PATH."""
    program = tmp_path / "java-bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("java")
@pytest.mark.parametrize(
    ("script", "task", "types"),
    [
        pytest.param(
            'plugins { id("org.springframework.boot") version "3.0.0" }',
            "build -x check",
            {"web": "java -Dserver.port=$PORT $JAVA_OPTS -jar ./build/libs/shop-1.0.jar"},
            id="Spring Boot",
        ),
        pytest.param(
            'plugins { id("io.micronaut.application") }',
            "shadowJar -x check",
            {"web": "java -Dmicronaut.server.port=$PORT $JAVA_OPTS -jar ./build/libs/shop-1.0.jar"},
            id="Micronaut",
        ),
        pytest.param('tasks.register("stage") {}', "stage", {}, id="a task of its own"),
        pytest.param("plugins { java }", "stage", {}, id="nothing known"),
    ],
)
def test_a_gradle_app_is_built_by_its_wrapper(
    builds: Builds, script: str, task: str, types: dict[str, str]
) -> None:
    result = builds.build({"gradlew": WRAPPER, "build.gradle.kts": script})

    assert result.succeeded
    assert f"       gradle got --console=plain {task}, daemon off: -Dorg.gradle.daemon=false\n" in (
        builds.text
    )
    assert dict(result.process_types) == types


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"go.mod": "module shop\n"}, "go was not found", id="Go"),
        pytest.param({"Gemfile": "", "Gemfile.lock": LOCK}, "ruby was not found", id="Ruby"),
        pytest.param({"gradlew": WRAPPER}, "java was not found", id="Gradle"),
        pytest.param({"Gemfile": ""}, "Gemfile.lock required", id="Ruby without a lock"),
    ],
)
def test_a_language_that_this_machine_lacks_is_named(
    builds: Builds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    reason: str,
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "env", "dirname", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))

    assert not builds.build(files).succeeded

    assert reason in builds.text
    assert "Traceback" not in builds.text
