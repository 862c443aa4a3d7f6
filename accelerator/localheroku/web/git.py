"""The git address of every app: `/{app}.git/…`, with Basic credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import Refused
from accelerator.localheroku.web.keys import parse_credential

if TYPE_CHECKING:
    from starlette.requests import Request

    from accelerator.localheroku.gitserver.bridge import GitBridge
    from accelerator.localheroku.state.objects import Account, App
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.web.limits import GitLimit

_PATH = re.compile(r"/([^/]+)\.git/(.+)")
_WRONG = """!\tWARNING:
!\tDo not authenticate with username and password using git.
!\tRun `heroku login` to update your credentials, then retry the git command.
!\tSee documentation for details: https://devcenter.heroku.com/articles/git#http-git-authentication
"""
_TOO_MANY = " !  Too many requests for this Git repo. Please try again later.\n"


def is_git_path(path: str) -> bool:
    """Return whether a path belongs to an app's git repository."""
    return _PATH.fullmatch(path) is not None


class GitWeb:
    """Check who asks for which app, then leave the rest to git."""

    def __init__(self, state: State, git: GitBridge, limit: GitLimit) -> None:
        self._state = state
        self._git = git
        self._limit = limit

    async def handle(self, request: Request) -> Response:
        """Answer one request of a git client."""
        match = _PATH.fullmatch(request.scope["path"])
        account = self._account(request)
        if account is None:
            challenge = {"WWW-Authenticate": 'Basic realm="Heroku"'}
            return PlainTextResponse(_WRONG, 401, challenge)
        app = self._state.find_app(match[1]) if match else None
        if app is None or match is None:
            return PlainTextResponse("!\tNo such app.\n", 404)
        refusal = self._refusal(request, account, app)
        if refusal is not None:
            return refusal
        return await self._git.handle(request, app.id, match[2], account.id)

    def _account(self, request: Request) -> Account | None:
        credential = parse_credential(request.headers.get("authorization"))
        if credential is None or credential.kind != "basic":
            return None
        key = access.find_key(self._state, credential.secret)
        # Whether Heroku's git takes less than a `global` key is not known: be strict.
        if key is None or "global" not in key.scopes:
            return None
        return self._state.accounts.get(key.account_id)

    def _refusal(self, request: Request, account: Account, app: App) -> Response | None:
        pushes = "git-receive-pack" in f"{request.url.path}{request.url.query}"
        try:
            wanted = ("deploy",) if pushes else ("view",)
            access.check_app(self._state, account, app, wanted)
        except Refused as problem:
            return PlainTextResponse(f"!\t{problem.message}\n", 403)
        # One operation of git is several requests; the first of them counts.
        is_first = request.url.path.endswith("/info/refs")
        if is_first and not self._limit.take(account.id, app.id):
            return PlainTextResponse(_TOO_MANY, 429)
        return None
