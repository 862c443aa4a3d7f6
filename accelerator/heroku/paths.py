"""Paths of the API: made from parts, and read back for people."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from accelerator.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOUNS: Mapping[str, str] = {
    "apps": "app",
    "releases": "release",
    "slugs": "slug",
    "builds": "build",
    "features": "feature",
    "pipelines": "pipeline",
    "pipeline-promotions": "promotion",
    "pipeline-couplings": "pipeline coupling",
    "formation": "process type",
}
_LOOKS: Mapping[str, str] = {
    "apps": "`heroku apps` shows whether it happened",
    "builds": "the activity page of {app} in the dashboard shows whether a build runs",
    "config-vars": "`heroku releases -a {app}` shows whether the config vars were set",
    "features": "`heroku labs -a {app}` shows whether it happened",
    "formation": "`heroku ps -a {app}` shows whether it happened",
    "pipeline-couplings": "`heroku pipelines:info` shows whether it happened",
    "pipeline-promotions": "`heroku releases` of each target shows whether it got a new release",
    "pipelines": "`heroku pipelines` shows whether it happened",
    "releases": "`heroku releases -a {app}` shows whether there is a new release",
}


def make_path(segments: tuple[object, ...]) -> str:
    """Join quoted segments; a name can never reach another resource than its own."""
    texts = [str(segment) for segment in segments]
    for text in texts:
        if text in {"", ".", ".."}:
            raise UsageProblem(f"{text!r} cannot be the name or id of anything on Heroku")
    return "/" + "/".join(quote(text, safe="~") for text in texts)


def describe_missing(path: str, resource: str | None) -> str:
    """Name what a 404 was about: the whole path, or the part Heroku named."""
    named = [
        f"{_NOUNS.get(noun, noun)} {name}".rstrip()
        for noun, name in _pairs(path)
        if resource is None or resource == _NOUNS.get(noun, noun).replace(" ", "_")
    ]
    return " of ".join(reversed(named)) or (resource or path)


def find_app(path: str, resource: str | None) -> str | None:
    """Return the name of the app that a 404 was about, if it was about one."""
    (noun, name), *others = _pairs(path)
    is_meant = resource == "app" or (resource is None and not others)
    return name if noun == "apps" and is_meant else None


def how_to_look(path: str) -> str:
    """Return where a person sees whether a write to that path happened."""
    pairs = _pairs(path)
    look = _LOOKS.get(pairs[-1][0], "look at the app in the dashboard")
    app = pairs[0][1] if pairs[0][0] == "apps" else ""
    return look.format(app=app) + "; look there before doing it again"


def _pairs(path: str) -> list[tuple[str, str]]:
    parts = [unquote(part) for part in path.strip("/").split("/")]
    return list(zip(parts[::2], [*parts[1::2], ""], strict=False))
