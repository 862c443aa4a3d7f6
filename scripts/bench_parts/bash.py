"""The bash function around the real Heroku CLI, with nothing of the user's around it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_parts.processes import Ended, environment, run_well
from bench_parts.results import Skipped

if TYPE_CHECKING:
    from bench_parts.platform import Platform

FUNCTION = Path(__file__).with_name("function.sh")
CLI_IN_REPOSITORY = Path(".cache/heroku-cli/node_modules/.bin/heroku")
# Counts its starts; the shell it costs takes about a millisecond.
CLI_DOOR = '#!/bin/sh\nprintf . >>"$CLI_STARTS"\nexec "$REAL_CLI" "$@"\n'
KEY_HELPER = '!echo username=x; echo "password=$HEROKU_API_KEY"; :'


@dataclass(frozen=True)
class BashFunction:
    """The function, ready to be run: a home with a door before the CLI that counts its starts."""

    home: Path
    cli: Path

    @classmethod
    def make(cls, directory: Path, cli: Path) -> BashFunction:
        """Make the home."""
        home = directory / "home"
        terms = home / ".cache" / "heroku" / "terms-of-service"
        terms.parent.mkdir(parents=True)
        terms.touch()  # else the CLI's first start has a line to say about them
        door = home / "bin" / "heroku"
        door.parent.mkdir()
        door.write_text(CLI_DOOR)
        door.chmod(0o755)
        return cls(home, cli)

    def deploy(
        self, platform: Platform, repository: Path, commit: str, apps: tuple[str, str]
    ) -> Ended:
        """Run it for a commit, from the first app to the second; it has to succeed."""
        self._starts.write_text("")
        env = self.environment_for(platform, commit, apps)
        return run_well(["bash", str(FUNCTION)], repository, env)

    def environment_for(
        self, platform: Platform, commit: str, apps: tuple[str, str]
    ) -> dict[str, str]:
        """Give the environment in which the function deploys a commit."""
        env = environment(
            self.home,
            **self._environment(platform),
            GIT_COMMIT=commit,
            PREPARE_APP=apps[0],
            TARGET_APP=apps[1],
            CLI_STARTS=str(self._starts),
            REAL_CLI=str(self.cli),
        )
        return {**env, "PATH": f"{self.home / 'bin'}{os.pathsep}{env['PATH']}"}

    def count_starts(self) -> int:
        """Give how often the last run started the CLI."""
        return len(self._starts.read_text())

    def version(self) -> str:
        """Give the CLI's name and version."""
        shown = run_well([str(self.cli), "--version"], self.home, environment(self.home)).stdout
        return shown.partition(" ")[0]

    @property
    def _starts(self) -> Path:
        return self.home / "starts"

    def _environment(self, platform: Platform) -> dict[str, str]:
        """Point the CLI and git at the platform only, without telemetry."""
        host = platform.url.partition("://")[2]
        return {
            "HEROKU_HOST": platform.url,
            "HEROKU_GIT_HOST": host,
            "HEROKU_API_KEY": platform.key,
            "HEROKU_PARTICLEBOARD_URL": platform.url,
            "HEROKU_BUILDPACK_REGISTRY_URL": platform.url,
            "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
            "HEROKU_DISABLE_AUTOUPDATE": "1",
            "DISABLE_TELEMETRY": "true",
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            # The CLI writes remotes for TLS only.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.{platform.url}/.pushInsteadOf",
            "GIT_CONFIG_VALUE_0": f"https://{host}/",
            "GIT_CONFIG_KEY_1": f"credential.{platform.url}.helper",
            "GIT_CONFIG_VALUE_1": KEY_HELPER,
            "NO_COLOR": "1",
            "CI": "1",
        }


def find_cli(root: Path) -> Path:
    """Find the Heroku CLI: `HEROKU_CLI`, else where CI installs it; raises `Skipped`."""
    named = os.environ.get("HEROKU_CLI")
    cli = Path(named) if named else root / CLI_IN_REPOSITORY
    if not (cli.is_file() and os.access(cli, os.X_OK)):
        where = f"HEROKU_CLI={named}" if named else str(CLI_IN_REPOSITORY)
        raise Skipped(f"no Heroku CLI ({where}); `npm install heroku` somewhere, set HEROKU_CLI")
    if not (shutil.which("node") and shutil.which("bash")):
        raise Skipped("the Heroku CLI needs node, and its function bash")
    return cli.absolute()
