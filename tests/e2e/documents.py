"""The JSON documents as the design promises them to other people's pipelines."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # stubs are a package of their own

Document = dict[str, Any]

TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
SHA = {"type": "string", "pattern": "^[0-9a-f]{40}$"}
UUID = {"type": "string", "pattern": "^[0-9a-f-]{36}$"}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
ROUTES = ["live", "promote", "release", "wait", "build"]
REASONS = [
    "already_live",
    "prepared",
    "prepared_earlier",
    "on_other_app",
    "same_tree",
    "joined_build",
    "nothing_prepared",
    "other_commit",
    "prepare_build_failed",
    "prepare_release_failed",
    "expired",
    "stack_differs",
    "buildpacks_differ",
    "build_config_differs",
    "build_config_unknown",
    "promotion_refused",
    "generation_differs",
    "not_in_pipeline",
    "unreadable",
    "superseded",
    "diverged",
    "ancestry_unknown",
    "locked",
    "frozen",
    "rejected",
    "outside_window",
    "soaking",
    "not_confirmed",
    "miss_refused",
    "source_unverified",
]


def _or_null(schema: Document) -> Document:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties: Document) -> Document:
    """Describe an object that has at least these properties: keys may be added, not taken away."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Document) -> Document:
    return {"type": "array", "items": items}


ARTIFACT = _object(
    kind={"enum": ["slug", "oci-image"]},
    id=UUID,
    checksum=_or_null({"type": "string", "pattern": "^SHA256:[0-9a-f]{64}$"}),
)
SAME = _object(commit=SHA, compared=TEXT, id=SHA)
SOURCE = _object(
    app=TEXT,
    release=_or_null(WHOLE),
    release_id=_or_null(UUID),
    commit=_or_null(SHA),
    artifact=ARTIFACT,
    metadata={"enum": ["agrees", "disagrees", "absent", "unreadable", "earlier"]},
    verified={"enum": ["passed", "not_run"]},
    same=_or_null(SAME),
)
TARGET = _object(
    app=TEXT,
    route=_or_null({"enum": ROUTES}),
    status={
        "enum": [
            "pending",
            "succeeded",
            "failed",
            "unchanged",
            "compensated",
            "skipped",
            "refused",
            "not_attempted",
        ]
    },
    release=_or_null(WHOLE),
    previous_release=_or_null(WHOLE),
    artifact=_or_null(ARTIFACT),
    verified={"enum": ["not_run", "passed", "failed", "inconclusive"]},
    rolled_back_to=_or_null(WHOLE),
)
STEP = _object(
    name=TEXT,
    outcome={"enum": ["ok", "failed", "skipped", "interrupted"]},
    started_at=MOMENT,
    seconds={"type": "number", "minimum": 0},
    app=_or_null(TEXT),
)
DEPLOYED: dict[str, Document] = {
    "route": _or_null({"enum": ROUTES}),
    "reason": _or_null({"enum": REASONS}),
    "source": _or_null(SOURCE),
    "targets": _list(TARGET),
    "compensation": _or_null({"enum": ["all", "some", "none"]}),
}
PREPARED: dict[str, Document] = {
    "app": TEXT,
    "strategy": {"enum": ["source", "git"]},
    "build": _or_null(_object(id=UUID, status={"enum": ["pending", "succeeded", "failed"]})),
    "release": _or_null(WHOLE),
    "release_id": _or_null(UUID),
    "release_status": _or_null(TEXT),
    "artifact": _or_null(ARTIFACT),
    "same": _or_null(SAME),
}
BODIES: dict[str, dict[str, Document]] = {
    "deploy": DEPLOYED,
    "resume": DEPLOYED,
    "prepare": PREPARED,
    "ship": {
        "tests": {"enum": ["not_run", "running", "passed", "failed", "stopped"]},
        "no_test": {"type": "boolean"},
        "prepared": _or_null(_object(**PREPARED)),
        "stages": _list(_object(stage=TEXT, **DEPLOYED)),
    },
}


def schema_of(command: str) -> Document:
    """Return the schema of a command's document, as JSON Schema."""
    return _object(
        schema={"const": f"accelerator.{command}/1"},
        ok={"type": "boolean"},
        exit_code=WHOLE,
        commit=_or_null(SHA),
        **BODIES[command],
        steps=_list(STEP),
        api=_object(
            requests=WHOLE,
            round_trips=WHOLE,
            retries=WHOLE,
            rate_limit_remaining=_or_null(WHOLE),
        ),
        error=_or_null(
            _object(code=TEXT, message=TEXT, hint=_or_null(TEXT), details=_or_null(TEXT))
        ),
    )


def check_document(document: Document, command: str, exit_code: int) -> None:
    """Assert that a document is whole, and in itself and with the exit code consistent."""
    jsonschema.Draft202012Validator(schema_of(command)).validate(document)
    assert document["exit_code"] == exit_code
    assert document["ok"] is (exit_code == 0)
    assert (document["error"] is None) is document["ok"]
