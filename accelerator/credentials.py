"""Find the API key: a variable, the netrc file, or git's credential helper; never a flag.

The source is named, the value never: not even a broken value is repeated in a message.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from accelerator.errors import KeyMissing, UsageProblem
from accelerator.foreign import hide_credentials
from accelerator.models import TELLING_LETTERS, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.models import Endpoint

HELPER_SECONDS = 10.0

# Variables that hold a key of Heroku's by their very names: of another stage, say.
_KEYS = re.compile(
    r"HEROKU_(?:.*_)?(?:KEY|TOKEN|PASSWORD|SECRET)|ACCELERATOR_LOCAL_(?:TOKEN|API_KEY)"
)
_LOCK_REMOTE = "ACCELERATOR_LOCK_REMOTE"
_GIT_VALUE = "GIT_CONFIG_VALUE_"

# Git must not ask anybody: not on the terminal, not in a window. An empty GIT_ASKPASS also keeps
# git from falling back to core.askPass and SSH_ASKPASS.
_NO_QUESTIONS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
}


def find_home(environment: Mapping[str, str]) -> Path:
    """Return the home directory, where the netrc file is."""
    return Path(environment.get("HOME") or Path.home())


def find_key(
    key_env: str,
    environment: Mapping[str, str],
    endpoint: Endpoint,
    home: Path,
    helper_seconds: float | None = None,
) -> Secret:
    """Return the key, which says where it was found; raises `KeyMissing` when it is nowhere.

    The helper that git asks last is where `heroku login` keeps the key today
    (``credential.https://git.heroku.com.helper``); it runs for ten seconds at most, or for
    as long as `helper_seconds` says.
    """
    api_host, git_host = urlsplit(endpoint.api_url).netloc, urlsplit(endpoint.git_url).netloc
    places: tuple[tuple[str, Callable[[], str | None]], ...] = (
        (key_env, lambda: environment.get(key_env, "").strip()),
        (f"~/.netrc (machine {api_host})", lambda: _from_netrc(home, api_host)),
        (
            f"git's credential helper for {git_host}",
            lambda: _from_git(
                _without_names(environment, key_env), endpoint.git_url, helper_seconds
            ),
        ),
    )
    for source, look in places:
        if value := look():
            return _checked(value, source)
    raise KeyMissing(key_env, api_host)


def without_key(environment: Mapping[str, str], key: Secret, key_env: str) -> dict[str, str]:
    """Return the environment without the key: by its name, and by its value however it is written.

    A short key is looked for as a whole value only: letters of a local platform's are in ``PATH``.
    Other keys of Heroku's go too, by their names, and a lock remote that has a password in it. One
    of git's numbered settings is emptied instead: git refuses to run when one is missing.
    """
    left = _without_names(environment, key_env)
    remote = left.get(_LOCK_REMOTE, "")
    if hide_credentials(remote) != remote:
        del left[_LOCK_REMOTE]
    plain = key.reveal()
    words = [word for word in key.spellings() if len(word) >= TELLING_LETTERS]
    for name in [
        name
        for name, value in left.items()
        if (plain and value == plain) or any(word in value for word in words)
    ]:
        if name.startswith(_GIT_VALUE):
            left[name] = ""
        else:
            del left[name]
    return left


def _without_names(environment: Mapping[str, str], key_env: str) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name != key_env and not _KEYS.fullmatch(name)
    }


def _checked(value: str, source: str) -> Secret:
    """Refuse what cannot be a key, before it breaks a header or travels anywhere."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise UsageProblem(
            f"the API key from {source} has a blank, a line break or a letter no key has in it "
            "(not shown here)",
            "set it again; `heroku authorizations:create` makes a key for CI",
        )
    return Secret(value, source)


def _from_netrc(home: Path, machine: str) -> str | None:
    path = home / ("_netrc" if os.name == "nt" else ".netrc")
    try:
        # Not authenticators(): that would hand out the `default` entry, somebody else's password.
        entry = netrc(str(path)).hosts.get(machine)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}") from None
    except NetrcParseError as error:
        # The parser's own message repeats the word it stumbled over, which may be a password.
        raise UsageProblem(
            f"{path} is malformed at line {error.lineno}", "correct it, or set the key's variable"
        ) from None
    except UnicodeDecodeError:
        raise UsageProblem(f"{path} is not UTF-8 text") from None
    return (entry[2] or "").strip() if entry else None


def _from_git(environment: Mapping[str, str], git_url: str, seconds: float | None) -> str | None:
    parts = urlsplit(git_url)
    question = f"protocol={parts.scheme}\nhost={parts.netloc}\n\n"
    try:
        process = subprocess.Popen(
            ["git", "credential", "fill"],
            env={**environment, **_NO_QUESTIONS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    with process:
        try:
            answer, _ = process.communicate(
                question.encode(), timeout=HELPER_SECONDS if seconds is None else seconds
            )
        except subprocess.TimeoutExpired:
            _kill(process)
            return None
        except BaseException:
            _kill(process)
            raise
    return _password(answer) if process.returncode == 0 else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git with the helper and whatever that started: a browser login waits for ever."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _password(answer: bytes) -> str | None:
    for line in answer.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        if name == "password":
            return value.strip()
    return None
