from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.cli.blanks import failed_document
from accelerator.cli.invocation import Invocation
from accelerator.cli.options import Talk
from accelerator.cli.session import Session
from accelerator.errors import AcceleratorError, BuildFailed, ExitCode, PartlyDone
from accelerator.events import LogLine, StepFinished, StepStarted
from accelerator.heroku import Usage
from accelerator.models import Endpoint, Reason, Route
from accelerator.output.config import Configured, config_document
from accelerator.output.deploy import deploy_document
from accelerator.output.marks import mark_document
from accelerator.output.outcome import Outcome, StepLog
from accelerator.output.parts import render_error, render_moment
from accelerator.output.prepare import prepare_document
from accelerator.output.ship import ship_document
from accelerator.settings import examine_settings
from accelerator.steps.report import (
    MarkReport,
    PrepareReport,
    Report,
    ShipReport,
    TargetReport,
)
from accelerator.steps.source_report import SourceReport
from accelerator.steps.verify.saw import Answer, Checked, Count, Saw
from tests.unit.fakes import BEGIN, COMMIT, artifact, make_build, make_release, slug

if TYPE_CHECKING:
    from pathlib import Path

STEPS = (StepFinished("compare", "ok", BEGIN, 0.21049, "promote: prepared"),)
DONE = Outcome(STEPS, Usage(9, 5, 0, 4491))
HELD = {"kind": "slug", "id": "good", "checksum": "SHA256:good"}


def deployed() -> Report:
    source = SourceReport(
        "foo-prepare",
        make_release("foo-prepare", 12, "good", current=True),
        artifact("good", COMMIT),
        COMMIT.sha,
        "agrees",
    )
    entry = TargetReport(
        "foo-staging",
        Route.PROMOTE,
        "succeeded",
        make_release("foo-staging", 34, "good"),
        previous_release=make_release("foo-staging", 33, "old"),
        artifact=artifact("good", COMMIT),
        verified="passed",
        saw=Saw(
            {"web": Count(2, 2)},
            (Checked("/health", True, Answer(200), 3, 1.25, names_commit=True),),
            COMMIT.sha,
        ),
    )
    return Report(COMMIT, Route.PROMOTE, Reason.PREPARED, source, [entry], ["v6: expired"])


def read_back(document: dict[str, Any]) -> Any:
    """Give it as a reader of stdout gets it."""
    return json.loads(json.dumps(document))


def test_a_deploy_is_told_in_the_words_of_the_design() -> None:
    document = read_back(deploy_document(deployed(), DONE))

    assert document == {
        "schema": "accelerator.deploy/1",
        "ok": True,
        "exit_code": 0,
        "commit": COMMIT.sha,
        "subject": COMMIT.subject,
        "route": "promote",
        "reason": "prepared",
        "source": {
            "app": "foo-prepare",
            "release": 12,
            "release_id": "foo-prepare-v12",
            "commit": COMMIT.sha,
            "artifact": HELD,
            "metadata": "agrees",
            "verified": "not_run",
            "same": None,
        },
        "targets": [
            {
                "app": "foo-staging",
                "stage": None,
                "web_url": None,
                "route": "promote",
                "status": "succeeded",
                "release": 34,
                "previous_release": 33,
                "previous_commit": None,
                "artifact": HELD,
                "verified": "passed",
                "rolled_back_to": None,
                "rollback_release": None,
                "rejection": None,
                "error": None,
                "refusal": None,
                "serving": None,
                "proof": {
                    "dynos": {"web": {"up": 2, "wanted": 2, "crashed": 0}},
                    "checks": [
                        {
                            "check": "/health",
                            "passed": True,
                            "status": 200,
                            "exit_status": None,
                            "tries": 3,
                            "seconds": 1.25,
                            "names_commit": True,
                        }
                    ],
                    "commit": COMMIT.sha,
                },
            }
        ],
        "passed_over": ["v6: expired"],
        "compensation": None,
        "lock": "none",
        "plan": None,
        "steps": [
            {
                "name": "compare",
                "outcome": "ok",
                "started_at": "2026-03-01T12:00:00.000Z",
                "seconds": 0.21,
                "detail": "promote: prepared",
                "app": None,
            }
        ],
        "api": {"requests": 9, "round_trips": 5, "retries": 0, "rate_limit_remaining": 4491},
        "error": None,
    }


def test_a_run_that_found_out_nothing_has_all_the_keys_too() -> None:
    failed = Outcome(error=AcceleratorError("it broke", "mend it"))

    document = read_back(deploy_document(Report(), failed))

    assert list(document) == list(deploy_document(deployed(), DONE))
    assert (document["ok"], document["exit_code"], document["commit"]) == (False, 1, None)
    assert (document["route"], document["source"], document["targets"]) == (None, None, [])
    assert document["api"] == {
        "requests": 0,
        "round_trips": 0,
        "retries": 0,
        "rate_limit_remaining": None,
    }
    error = {"code": "error", "message": "it broke", "hint": "mend it", "details": None}
    assert document["error"] == error


def test_a_failed_target_tells_its_error_and_the_way_back() -> None:
    report = deployed()
    (entry,) = report.targets
    entry.status, entry.error = "failed", "it answers 500"
    entry.rolled_back_to, entry.rollback_release = 33, 35

    document = read_back(deploy_document(report, Outcome(error=PartlyDone(("a",), ("b",), "x"))))

    told = document["targets"][0]
    assert (told["rolled_back_to"], told["rollback_release"]) == (33, 35)
    assert (told["status"], told["error"]) == ("failed", "it answers 500")
    assert (document["ok"], document["exit_code"]) == (False, 8)
    assert document["error"]["code"] == "partly_done"


def test_an_artifact_that_was_not_read_has_no_checksum() -> None:
    report = deployed()
    report.targets[0].artifact = slug("good")
    report.source = SourceReport("foo-staging", None, slug("good"), None, "unreadable")

    document = read_back(deploy_document(report, DONE))

    assert document["targets"][0]["artifact"] == {"kind": "slug", "id": "good", "checksum": None}
    assert (document["source"]["release"], document["source"]["release_id"]) == (None, None)


def test_a_preparation_tells_build_release_and_artifact() -> None:
    report = PrepareReport(
        "foo-prepare",
        COMMIT,
        "git",
        make_build("foo-prepare", "good", COMMIT, id="b1"),
        make_release("foo-prepare", 12, "good", status="failed"),
        artifact("good", COMMIT),
    )

    document = read_back(prepare_document(report, DONE))

    prepared = {key: document[key] for key in list(document)[5:-3]}
    assert document["schema"] == "accelerator.prepare/1"
    assert prepared == {
        "app": "foo-prepare",
        "strategy": "git",
        "reused": False,
        "build": {"id": "b1", "status": "succeeded"},
        "release": 12,
        "release_id": "foo-prepare-v12",
        "release_status": "failed",
        "artifact": HELD,
        "same": None,
    }
    assert list(document)[-3:] == ["steps", "api", "error"]


def test_a_preparation_that_never_began_has_the_same_keys() -> None:
    document = read_back(prepare_document(PrepareReport("foo-prepare"), Outcome()))

    assert (document["build"], document["release"], document["artifact"]) == (None, None, None)
    assert (document["release_id"], document["release_status"]) == (None, None)


def test_a_ship_tells_each_stage_as_a_deploy() -> None:
    report = ShipReport(
        COMMIT, "passed", PrepareReport("foo-prepare", COMMIT), [("staging", deployed())]
    )

    document = read_back(ship_document(report, DONE))

    whole = read_back(deploy_document(deployed(), DONE))
    stage = {
        key: whole[key]
        for key in ("route", "reason", "source", "targets", "passed_over", "compensation", "lock")
    }
    assert (document["schema"], document["tests"]) == ("accelerator.ship/1", "passed")
    assert document["stages"] == [{"stage": "staging", **stage}]
    assert document["prepared"]["app"] == "foo-prepare"
    assert document["api"]["requests"] == 9


def test_a_ship_that_prepared_nothing_says_so() -> None:
    assert ship_document(ShipReport(COMMIT), DONE)["prepared"] is None


def test_the_settings_are_told_with_their_sources_and_what_is_wrong() -> None:
    examined = examine_settings({}, {"ACCELERATOR_LOCK": "perhaps"}, {"wait": "5m"})
    shown = Configured(
        examined.settings, examined.problems, Endpoint("https://api", "https://git"), "KEY"
    )

    document = read_back(config_document(shown, Outcome()))

    rows = {row.pop("name"): row for row in document["settings"]}
    assert rows["wait"] == {"value": "5m", "source": "accelerator.toml: wait", "problem": None}
    assert (rows["lock"]["value"], rows["lock"]["source"]) == ("(wrong)", "ACCELERATOR_LOCK")
    assert "must be one of auto" in rows["lock"]["problem"]
    assert document["problems"] == [{"setting": "lock", "message": rows["lock"]["problem"]}]
    assert (document["platform"], document["key_source"]) == ("https://api", "KEY")


def test_a_failure_before_the_command_began_has_every_key_of_the_command() -> None:
    error = {"code": "usage", "message": "no such option", "hint": None}

    document = read_back(failed_document("deploy", ExitCode.USAGE, error))

    assert document == {
        "schema": "accelerator.deploy/1",
        "ok": False,
        "exit_code": 2,
        "commit": None,
        "subject": None,
        "route": None,
        "reason": None,
        "source": None,
        "targets": [],
        "passed_over": [],
        "compensation": None,
        "lock": "none",
        "plan": None,
        "steps": [],
        "api": {"requests": 0, "round_trips": 0, "retries": 0, "rate_limit_remaining": None},
        "error": error,
    }


def test_a_bug_leaves_every_key_of_the_command(tmp_path: Path) -> None:
    stdout = StringIO()
    invocation = Invocation({}, tmp_path, stdout, StringIO())
    session = Session("reject", invocation, Talk(json=True))

    with pytest.raises(ZeroDivisionError):
        session.perform(lambda: 1 / 0, lambda _: {}, lambda _: [])

    document = json.loads(stdout.getvalue())
    assert list(document) == list(mark_document(MarkReport("shop", "reject"), DONE))
    assert (document["schema"], document["exit_code"]) == ("accelerator.reject/1", 1)
    assert document["error"]["code"] == "bug"


def test_a_failure_of_no_known_command_is_a_document_too() -> None:
    error = {"code": "usage", "message": "no such command", "hint": None}

    document = read_back(failed_document("accelerator", ExitCode.USAGE, error))

    assert document == {
        "schema": "accelerator.accelerator/1",
        "ok": False,
        "exit_code": 2,
        "error": error,
    }


def test_an_error_is_its_code_message_and_hint() -> None:
    error = BuildFailed("shop", "b1")

    assert render_error(error) == {
        "code": "build_failed",
        "message": error.message,
        "hint": error.hint,
        "details": "build b1",
    }
    assert render_error(None) is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(BEGIN, "2026-03-01T12:00:00.000Z", id="a whole second"),
        pytest.param(
            datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC),
            "2026-03-01T23:59:59.999Z",
            id="not rounded into the next day",
        ),
    ],
)
def test_moments_are_iso_8601_in_utc(moment: datetime, expected: str) -> None:
    assert render_moment(moment) == expected
    assert datetime.fromisoformat(expected).utcoffset() is not None


def test_the_outcome_has_the_exit_code_of_its_error() -> None:
    assert Outcome().exit_code is ExitCode.DONE
    assert Outcome(error=BuildFailed("shop", "b1")).exit_code is ExitCode.BUILD_FAILED


def test_only_finished_steps_are_logged() -> None:
    log = StepLog()

    for event in (StepStarted("a", "A", BEGIN), STEPS[0], LogLine("build", "x")):
        log(event)

    assert log.steps == [STEPS[0]]
