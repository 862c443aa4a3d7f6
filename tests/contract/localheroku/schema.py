"""Judge answers by Heroku's own API schema: every property present, none unknown."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator, FormatChecker, ValidationError, validators

_REPOSITORY = Path(__file__).resolve().parents[3]
_FOLDER = _REPOSITORY.parent / "shared" / "heroku"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)")
FORMATS = FormatChecker(formats=())

# Addresses of this machine cannot match Heroku's domains; the rest of the rule stays.
_RELAXED = {
    "git_url": r"^http://127\.0\.0\.1:\d+/[a-z][a-z0-9-]{1,28}[a-z0-9]\.git$",
    "web_url": r"^http://127\.0\.0\.1:\d+/$",
}


@FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


@FORMATS.checks("date-time")
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or _TIME.fullmatch(value) is not None


def schema_path(name: str = "schema.json") -> Path:
    """Return where the schema lies, or skip the test by saying which file is missing."""
    given = os.environ.get("HEROKU_SCHEMA")
    folder = Path(given).parent if given else _FOLDER
    path = folder / name
    if not path.exists():
        pytest.skip(f"Heroku's schema is not here: {name} (set HEROKU_SCHEMA to its path)")
    return path


def _strict(
    validator: Any, on: bool, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if not on or not validator.is_type(instance, "object"):
        return
    known = set(schema.get("properties", {}))
    patterns = schema.get("patternProperties", {})
    unknown = {
        name for name in set(instance) - known if not any(re.search(p, name) for p in patterns)
    }
    for word, names in (("missing", known - set(instance)), ("unknown", unknown)):
        if names:
            yield ValidationError(f"{word}: {sorted(names)}")


def _known(
    validator: Any, on: bool, instance: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    for error in _strict(validator, on, instance, schema):
        if error.message.startswith("unknown"):
            yield error


_Heroku = validators.extend(Draft4Validator, {"strictProperties": _strict})
_Request = validators.extend(Draft4Validator, {"strictProperties": _known})


class Judge:
    """Validate answers; `seen` counts them by link."""

    def __init__(self, path: Path) -> None:
        self.schema = json.loads(path.read_text())
        definitions = self.schema["definitions"]
        definitions["dyno_size"] = definitions["dyno-size"]
        for kind in ("app", "team-app"):
            for name, pattern in _RELAXED.items():
                definitions[kind]["definitions"].get(name, {})["pattern"] = pattern
        self.seen: dict[str, int] = {}
        self._links = list(self._collect(definitions))
        self._requests = list(self._collect_requests(definitions))

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Raise when an answer is not what the schema says; errors must have `id` and `message`."""
        if status >= 400:
            assert isinstance(body["id"], str), body
            assert isinstance(body["message"], str), body
            return
        matching = [link for link in self._links if link[0] == method and link[1].fullmatch(path)]
        assert matching, f"no link of Heroku's schema for {method} {path}"
        _, pattern, wanted = matching[0]
        self.seen[f"{method} {pattern.pattern}"] = self.seen.get(pattern.pattern, 0) + 1
        problems = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in _Heroku(wanted, format_checker=FORMATS).iter_errors(body)
        ]
        assert not problems, f"{method} {path}: {problems}\n{json.dumps(body, indent=1)}"

    def refusals(self, method: str, path: str, body: Any) -> list[str]:
        """Return why no link of the schema takes this request; nothing when one does.

        Properties may be absent, unless the schema says `required`: clients leave most out.
        """
        found = []
        for wanted in self._request_schemas(method, path):
            validator = _Request(wanted, format_checker=FORMATS)
            errors = validator.iter_errors(body)
            found.append(
                sorted(
                    f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in errors
                )
            )
        return min(found, key=len, default=[])

    def _request_schemas(self, method: str, path: str) -> list[dict[str, Any]]:
        return [
            wanted
            for link_method, pattern, wanted in self._requests
            if link_method == method and pattern.fullmatch(path)
        ]

    def _collect_requests(
        self, definitions: dict[str, Any]
    ) -> Iterator[tuple[str, re.Pattern[str], dict[str, Any]]]:
        for definition in definitions.values():
            for link in definition.get("links", ()):
                if "schema" in link:
                    path = re.sub(r"\{[^}]*\}", "[^/]+", unquote(link["href"]))
                    wanted = {**link["schema"], "definitions": definitions}
                    yield link["method"], re.compile(path), wanted

    def _collect(
        self, definitions: dict[str, Any]
    ) -> Iterator[tuple[str, re.Pattern[str], dict[str, Any]]]:
        found = []
        for name, definition in definitions.items():
            for link in definition.get("links", ()):
                href = unquote(link["href"])
                path = re.sub(r"\{[^}]*\}", "[^/]+", href)
                target = link.get("targetSchema") or {"$ref": f"#/definitions/{name}"}
                if link.get("rel") == "instances" and "targetSchema" not in link:
                    target = {"type": "array", "items": target}
                if link.get("rel") == "empty":
                    target = {"type": "object"}
                wanted = {**target, "definitions": definitions}
                found.append((href.count("{"), link["method"], re.compile(path), wanted))
        for _, method, pattern, wanted in sorted(found, key=lambda each: each[0]):
            yield method, pattern, wanted
