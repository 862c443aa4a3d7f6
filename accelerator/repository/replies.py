"""What git and the servers it asked said to a push: done, lost to somebody else, or refused; pure.

Two refusals are kept apart. A server that takes no such refs, by a rule of its own, holds no locks
for anybody. Everything else (no permission, no answer, a server in trouble) only means that we
cannot tell: others may hold locks there.
"""

from __future__ import annotations

import re

_LOST = re.compile(
    r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((?:stale info|fetch first|non-fast-forward|"
    r"cannot lock ref|failed to update ref|directory/file conflict|incorrect old value"
    r"|reference already exists)",
    re.MULTILINE,
)
_TAKEN = re.compile(r"^[ +*=-]\t", re.MULTILINE)
_REFUSED = re.compile(r"\[(?:remote )?rejected\] \((?P<why>.*)\)")
# 403: no such pushes; 429: too many. Other numbers count the bytes of a reply that was cut.
_TURNED_AWAY = re.compile(r"RPC failed; (?:HTTP |result=\d+, HTTP code = )4\d\d\b")
_NO_WAY_IN = ("Authentication failed", "not found", "unable to access", "could not read")
_CHATTER = ("remote:", "To ", "error: failed to push")

# What a person has to do about an answer that asking again would not change.
_NO_LOGIN = re.compile(
    r"returned error: 40[13]\b|authentication failed|could not read (?:username|password)"
    r"|permission (?:to .* )?denied|not allowed to push",
    re.IGNORECASE,
)
_NO_REPOSITORY = re.compile(
    r"not found|does not appear to be a git repository|could not resolve host", re.IGNORECASE
)
_TOO_MANY = re.compile(r"\b429\b|too many requests", re.IGNORECASE)

# How servers say that such refs are not to be: a hook or a rule declines them, they are hidden, or
# their names are not allowed.
_BY_RULE = re.compile(
    r"hook declined|hidden ref|funny refname|prohibited|rule violations|invalid ref(?:name| name)",
    re.IGNORECASE,
)
# What hooks say when it is not the ref that they mind: who asks, or a server behind them.
_NOT_THE_REF = re.compile(
    r"not allowed to push|permission|access|denied|forbidden|unauthori[sz]ed|authenticat|token"
    r"|read[- ]only|archived|maintenance|quota|space|unreachable|unavailable|internal|time(?:d )?"
    r"out|try again|too many|rate limit|not found|could not be found",
    re.IGNORECASE,
)

# What may be over when it is asked again: a server in trouble, a network that fails.
_MAY_PASS = re.compile(
    r"returned error: (?:408|425|429|5\d\d)\b|HTTP (?:429|5\d\d)\b|could not resolve host"
    r"|failed to connect|connect to host|connection (?:refused|reset|timed out|closed|was reset)"
    r"|couldn't connect|timed out|too slow|empty reply|early eof|hung up|unexpected disconnect"
    r"|recv failure|ssl_error_syscall|tls connection was non-properly terminated|bad pack header"
    r"|network is unreachable|transfer closed|temporary failure|expected flush|invalid index-pack",
    re.IGNORECASE,
)
# Git could not make the ref, which says nothing of who has it.
_BLOCKED = re.compile(r"cannot lock ref|failed to update ref|directory/file conflict")


def may_pass(said: str) -> bool:
    """Return whether a failed read is worth another try."""
    return bool(_MAY_PASS.search(said))


def is_blocked(report: str) -> bool:
    """Return whether a ref could not be made, maybe as another stands in its way."""
    return bool(_BLOCKED.search(report))


def is_lost(report: str) -> bool:
    """Return whether the ref had another value than was said, by what `push --porcelain` wrote."""
    return bool(_LOST.search(report))


def is_taken(report: str) -> bool:
    """Return whether the server took the change."""
    return bool(_TAKEN.search(report))


def is_turned_away(said: str) -> bool:
    """Return whether git came to no exchange with the repository at all."""
    return any(words in said for words in _NO_WAY_IN)


def is_certainly_unchanged(report: str, said: str) -> bool:
    """Return whether the push provably changed nothing."""
    return "rejected]" in report or is_turned_away(said) or bool(_TURNED_AWAY.search(said))


def is_refused_by_rule(report: str, said: str) -> bool:
    """Return whether the server takes no such refs, whoever asks and whenever."""
    refused = _REFUSED.search(report)
    if not refused or not _BY_RULE.search(refused["why"]):
        return False
    told = (line for line in said.splitlines() if line.startswith("remote:"))
    return not _NOT_THE_REF.search("\n".join((refused["why"], *told)))


def find_reason(report: str, said: str) -> str:
    """Return why a push was refused, in the words of git or of the server."""
    refused = _REFUSED.search(report)
    if refused:
        return refused["why"]
    lines = [line for line in said.splitlines() if line and not line.startswith(_CHATTER)]
    return lines[-1].removeprefix("fatal: ") if lines else "no reason given"


def name_limit(why: str, *, is_metered: bool) -> str:
    """Return why a remote was of no use, with Heroku's limit called by its name and its end."""
    if is_metered and _TOO_MANY.search(why):
        return f"Heroku's hourly limit of git requests is used up; it ends within the hour ({why})"
    return why


def find_remedy(why: str, *, is_metered: bool, key_source: str = "") -> str | None:
    """Return what to do about a lock remote that cannot be used; None where time may help.

    `key_source` says where the API key is from, where one was sent.
    """
    if is_metered and _TOO_MANY.search(why):
        return (
            "Heroku's git takes 75 requests an hour from each account for each app: run it again "
            "when the hour is over, or have lock_remote name another repository"
        )
    if _NO_LOGIN.search(why):
        account = f"the account of the API key from {key_source}" if key_source else ""
        herokus = account or "the API key's account"
        who = herokus if is_metered else "the login that git finds for it"
        return f"{who} has to be allowed to push there; --lock-remote names another repository"
    if _NO_REPOSITORY.search(why):
        return "check the address of lock_remote, and that the login that git finds may see it"
    return None
