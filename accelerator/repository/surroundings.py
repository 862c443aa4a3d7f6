"""What git's processes find around them: the environment they need, and nothing secret beside it.

A child of ours gets an environment of its own, never the one of this process. Of git's variables
only those go along that say how servers are reached and where configuration is. The others
(``GIT_DIR`` and its like) point at a repository, and ours is known. Of our own variables none
does: the address of a lock remote may have a login in it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelerator.errors import UsageProblem
from accelerator.models import TELLING_LETTERS
from accelerator.remotes import parse_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from accelerator.models import Secret
    from accelerator.remotes import Remote

    Entries = tuple[tuple[str, str], ...]

# Dates, names, templates, hash formats and object folders of others are left out with the rest.
# ``GIT_CONFIG_PARAMETERS`` too: it comes last and would have the last word.
_GITS_OWN = re.compile(
    r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_SSL_\w+|HTTP_\w+|CURL_VERBOSE|ASKPASS"
    r"|TERMINAL_PROMPT|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|ATTR_NOSYSTEM|EXEC_PATH"
    r"|TRACE\w*|REDACT_COOKIES|ALLOW_PROTOCOL|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM"
    r"|NO_LAZY_FETCH|OPTIONAL_LOCKS|PYTHON_GIT_EXECUTABLE)"
)
_SHORTEST_SHOWN = 4  # what is shorter may be part of any text
_NO_QUESTIONS = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}
# Not empty: where these are, git takes the lists of its configuration files.
_NO_TRACES = {
    "GIT_TRACE_REDACT": "1",
    "GIT_TRACE2_CONFIG_PARAMS": "accelerator.none",
    "GIT_TRACE2_ENV_VARS": "ACCELERATOR_NONE",
}
_LOGIN = "ACCELERATOR_GIT_USER", "ACCELERATOR_GIT_PASSWORD"
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    f'"${_LOGIN[0]}" "${_LOGIN[1]}"; }}; f'
)


def read_remote(address: str) -> Remote:
    """Read a repository's address; raises `UsageProblem` for what git shall not be told."""
    try:
        return parse_remote(address)
    except ValueError as problem:
        raise UsageProblem(f"the address of a git repository {problem}") from None


def for_git(given: Mapping[str, str], secrets: Iterable[Secret] = ()) -> dict[str, str]:
    """Return the environment for a git process: no `secrets`, no pointers at other repositories."""
    words = (word for secret in secrets for word in secret.spellings())
    hidden = tuple(word for word in words if len(word) >= TELLING_LETTERS)
    own = {
        name: value
        for name, value in given.items()
        if (not name.startswith(("GIT_", "ACCELERATOR_")) or _GITS_OWN.fullmatch(name))
        and not any(word in value for word in hidden)
    }
    kept = tuple(
        entry for entry in _configured(given) if not any(w in "\n".join(entry) for w in hidden)
    )
    return with_config(own, kept)


def with_config(environment: Mapping[str, str], entries: Entries) -> dict[str, str]:
    """Add configuration that comes last, so that it has the last word."""
    first = len(_configured(environment))
    own = {**environment, "GIT_CONFIG_COUNT": str(first + len(entries))}
    for number, (name, value) in enumerate(entries, start=first):
        own |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return own


def _configured(environment: Mapping[str, str]) -> Entries:
    given = environment.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isascii() and given.isdecimal() and len(given) < 5 else 0
    pairs = (
        (environment.get(f"GIT_CONFIG_KEY_{n}"), environment.get(f"GIT_CONFIG_VALUE_{n}"))
        for n in range(count)
    )
    return tuple((name, value) for name, value in pairs if name and value is not None)


@dataclass(frozen=True, slots=True)
class Access:
    """How git reaches one repository: its address on a command line, and the environment for it.

    `beside` is the environment for commands that reach nothing: it has no secret.
    """

    address: str
    environment: Mapping[str, str] = field(repr=False)
    beside: Mapping[str, str] = field(repr=False)


def make_access(
    remote: Remote,
    key: Secret | None,
    given: Mapping[str, str],
    entries: Entries = (),
    secrets: tuple[Secret, ...] = (),
) -> Access:
    """Prepare to reach a repository: with the key, with the address's own login, or with neither.

    `entries` are settings of a clone for this repository's host, with `secrets` in them. They go
    along where the key does not.

    Where a secret goes along, git is told an address that only this configuration leads on, to
    exactly this repository: rules that rewrite addresses have no part in it. Certificates are
    checked, redirects not followed, and nobody is asked for or told the secret.
    """
    login = None if key else remote.password or remote.user
    hidden = (key, remote.password, *secrets)
    beside = for_git(given, [secret for secret in hidden if secret])
    if not key and not login:
        ways = _allowed(given, "https", "ssh", remote.transport)
        if secrets:
            _refuse_unchecked(remote, given, "what logs this clone in")
            ways |= _NO_TRACES
        return Access(remote.url, with_config({**beside, **ways}, entries), beside)
    _refuse_unchecked(remote, given, "the API key" if key else "the login of the address")
    address = f"accelerator://{remote.url.partition('://')[2]}"
    own_entries: Entries = (
        *(() if key else entries),
        (f"url.{remote.url}.insteadOf", address),
        (f"url.{remote.url}.pushInsteadOf", address),
        (f"http.{remote.url}.sslVerify", "true"),
        (f"http.{remote.url}.followRedirects", "false"),
        ("core.hooksPath", "/dev/null"),
        ("push.pushOption", ""),
        *(_key_entries(remote, key) if key else _login_entries(remote)),
    )
    own = {**beside, **_NO_TRACES, **_allowed(given, remote.transport)}
    if key or remote.password:
        own |= _NO_QUESTIONS
    if remote.password:
        words = (remote.user, remote.password)
        own |= {n: w.reveal() if w else "" for n, w in zip(_LOGIN, words, strict=True)}
    return Access(address, with_config(own, own_entries), beside)


def _basic(key: Secret) -> str:
    """Return the key as git sends it: a password without a user, in HTTP's Basic scheme."""
    return base64.b64encode(f":{key.reveal()}".encode()).decode("ascii")


def _key_entries(remote: Remote, key: Secret) -> Entries:
    header = f"http.{remote.url}.extraHeader"
    return (
        (header, ""),  # empties the list, so that there is one Authorization header
        (header, f"Authorization: Basic {_basic(key)}"),
        *_no_helpers(remote),
    )


def _login_entries(remote: Remote) -> Entries:
    if remote.password:
        return (*_no_helpers(remote), (f"credential.{remote.url}.helper", _HELPER))
    name = remote.user.reveal() if remote.user else ""
    return ((f"credential.{remote.url}.username", name),)


def _no_helpers(remote: Remote) -> Entries:
    # Today's would take a second, and all of them would store what was accepted.
    return (("credential.helper", ""), (f"credential.{remote.url}.helper", ""))


def _allowed(given: Mapping[str, str], *transports: str) -> dict[str, str]:
    """Return the ways git may go: no program is run for an address, whatever it was led to."""
    narrower = given.get("GIT_ALLOW_PROTOCOL")
    ways = (w for w in dict.fromkeys(transports) if narrower is None or w in narrower.split(":"))
    return {"GIT_ALLOW_PROTOCOL": ":".join(ways)}


def _refuse_unchecked(remote: Remote, given: Mapping[str, str], what: str) -> None:
    """Refuse git's variable that switches certificate checks off: it is stronger than any setting.

    Git asks only whether it is there: empty and ``false`` switch them off too.
    """
    if remote.transport != "https" or "GIT_SSL_NO_VERIFY" not in given:
        return
    host = remote.origin.host if remote.origin else remote.url
    raise UsageProblem(
        f"GIT_SSL_NO_VERIFY is set: git would send {what} to anybody who answers as {host}",
        "unset it (empty and false switch the checks off too); "
        "GIT_SSL_CAINFO names the certificates of a company's proxy",
    )


class Redactor:
    """Takes secrets, plain or encoded, out of whatever is to be shown."""

    def __init__(self, *secrets: Secret | None) -> None:
        words = (w for s in secrets if s for w in (_basic(s), *s.spellings()))
        self._words = tuple(word for word in words if len(word) >= _SHORTEST_SHOWN)

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for word in self._words:
            text = text.replace(word, "***")
        return text
