"""The git address of every app: `/{app}.git/…`, with Basic credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from accelerator.localheroku.keys import parse_credential

if TYPE_CHECKING:
    from starlette.requests import Request

    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.keys import Keys

_PATH = re.compile(r"/([^/]+)\.git/(.+)")
_WRONG = """!\tWARNING:
!\tDo not authenticate with username and password using git.
!\tRun `heroku login` to update your credentials, then retry the git command.
!\tSee documentation for details: https://devcenter.heroku.com/articles/git#http-git-authentication
"""


def is_git_path(path: str) -> bool:
    """Say whether a path belongs to an app's git repository."""
    return _PATH.fullmatch(path) is not None


class GitWeb:
    """Check who asks for which app, then leave the rest to git."""

    def __init__(self, engine: Engine, keys: Keys) -> None:
        self._engine = engine
        self._keys = keys

    async def handle(self, request: Request) -> Response:
        """Answer one request of a git client."""
        match = _PATH.fullmatch(request.scope["path"])
        credential = parse_credential(request.headers.get("authorization"))
        is_basic = credential is not None and credential.kind == "basic"
        if not (is_basic and self._keys.accept(credential)):
            challenge = {"WWW-Authenticate": 'Basic realm="Heroku"'}
            return PlainTextResponse(_WRONG, 401, challenge)
        app = self._engine.state.find_app(match[1]) if match else None
        if app is None or match is None:
            return PlainTextResponse("!\tNo such app.\n", 404)
        return await self._engine.git.handle(request, app.id, match[2])
