"""The logs of builds and release commands, on a platform whose builds are over at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from accelerator.errors import BuildFailed
from accelerator.events import Evidence, LogLine, Note, Recorder
from accelerator.heroku import Heroku
from accelerator.localheroku.server import LocalHeroku
from accelerator.models import Endpoint, Secret
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.follow.logs import show_end
from accelerator.steps.run import Run, Waits
from accelerator.waiting import Deadline, SystemClock, wait_for
from tests.contract.heroku_bench import Bench, bench
from tests.contract.scripted_server import Answer
from tests.contract.test_heroku_on_platform import FILES, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.events import Event

__all__ = ["bench"]

FAILING = {**FILES, "bin/compile": "#!/bin/sh\necho '-----> Mixing'\necho no flour\nexit 1\n"}
RELEASING = {**FILES, "Procfile": "release: echo migrated && echo twice"}
REFUSING = {**FILES, "Procfile": "release: echo no such table && exit 1"}
LOG = r"/-/builds/.*"


@dataclass
class Followed:
    """A run before a platform, and what was told while it followed."""

    scene: Scene
    run: Run
    told: list[Event] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [event.text.strip() for event in self.told if isinstance(event, LogLine)]

    def evidence(self) -> list[Evidence]:
        return [event for event in self.told if isinstance(event, Evidence)]

    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Note)]

    def fault(self, **fields: Any) -> None:
        self.scene.control("POST", "faults", {"method": "GET", "path": LOG, **fields})


@pytest.fixture
def followed() -> Iterator[Followed]:
    told: list[Event] = []
    clock = SystemClock()
    with LocalHeroku() as platform:
        deadline = Deadline.after(clock, 120)
        with Heroku(
            Endpoint(platform.url, platform.url),
            Secret(platform.api_key),
            deadline=deadline,
            listener=told.append,
        ) as heroku:
            recorder = Recorder(clock, [told.append])
            run = Run(heroku, recorder, deadline, Waits(), cast("Any", None), cast("Any", None))
            heroku.apps.create("shop")
            yield Followed(Scene(platform, heroku, told), run, told)


def test_the_log_of_every_short_build_is_shown(followed: Followed) -> None:
    shown = 0
    for _ in range(8):
        followed.told.clear()

        follow_build(followed.run, followed.scene.start_build("shop", FILES))
        shown += "-----> Doing nothing" in followed.lines()

    assert shown == 8


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 404, "occurrences": [1, 2]}, id="there is none at first"),
        pytest.param({"kind": "half_body", "occurrence": 1}, id="it is cut"),
        pytest.param({"kind": "reset", "occurrence": 1}, id="its connection is reset"),
        pytest.param({"status": 500, "occurrences": [1, 2]}, id="its server stumbles"),
        pytest.param({"status": 403, "occurrence": 1}, id="it is refused at first"),
    ],
)
def test_a_log_that_cannot_be_read_at_first_is_shown_whole_and_once(
    followed: Followed, fault: dict[str, Any]
) -> None:
    followed.fault(**fault)

    follow_build(followed.run, followed.scene.start_build("shop", FILES))

    assert followed.lines().count("-----> Doing nothing") == 1
    assert followed.notes() == []


def test_a_failed_build_tells_its_last_lines_for_those_who_saw_none(followed: Followed) -> None:
    followed.fault(status=404, occurrences=[1, 2])

    with pytest.raises(BuildFailed) as caught:
        follow_build(followed.run, followed.scene.start_build("shop", FAILING))

    [evidence] = followed.evidence()
    assert "no flour" in followed.lines()
    assert any("no flour" in line for line in evidence.lines)
    assert evidence.is_repeat
    assert "above" in str(caught.value.hint)


def test_a_failed_build_whose_log_cannot_be_read_says_so(followed: Followed) -> None:
    followed.fault(status=403)

    with pytest.raises(BuildFailed) as caught:
        follow_build(followed.run, followed.scene.start_build("shop", FAILING))

    assert "could not be read: it is answered with 403" in caught.value.message
    assert "above" not in str(caught.value.hint)


def test_a_log_that_never_comes_is_said_not_to_have_come(followed: Followed) -> None:
    followed.fault(status=404)

    follow_build(followed.run, followed.scene.start_build("shop", FILES))

    [note] = followed.notes()
    assert note == "the log of build shop could not be read: nothing of it came in time"


def test_a_build_that_failed_long_ago_tells_its_last_lines(followed: Followed) -> None:
    with pytest.raises(BuildFailed):
        follow_build(followed.run, followed.scene.start_build("shop", FAILING))
    [build] = followed.run.heroku.builds.fetch_newest("shop")
    followed.told.clear()

    show_end(followed.run, build)

    [evidence] = followed.evidence()
    assert evidence.title == "the last lines of the build on shop"
    assert not evidence.is_repeat
    assert any("no flour" in line for line in evidence.lines)


@pytest.mark.parametrize(
    ("files", "status", "shown"),
    [
        pytest.param(RELEASING, "succeeded", ["migrated", "twice"], id="that goes well"),
        pytest.param(REFUSING, "failed", ["no such table"], id="that fails"),
    ],
)
def test_the_output_of_a_short_release_command_is_shown(
    followed: Followed, files: dict[str, str], status: str, shown: list[str]
) -> None:
    followed.fault(path=r"/-/releases/.*", status=404, occurrence=1)
    build = follow_build(followed.run, followed.scene.start_build("shop", files))

    release = find_release_of_build(followed.run, build)

    assert release is not None
    assert release.status == status
    assert [line for line in followed.lines() if line in shown] == shown
    assert len(followed.evidence()) == (status == "failed")


CRASHING = {
    **FILES,
    "Procfile": "web: for i in $(seq 30); do echo step $i; done; echo no such module >&2; exit 1",
}


def test_the_last_lines_of_a_dyno_that_crashed_can_be_read(followed: Followed) -> None:
    heroku = followed.run.heroku
    build = follow_build(followed.run, followed.scene.start_build("shop", CRASHING))
    find_release_of_build(followed.run, build)
    wait_for(
        lambda: heroku.dynos.fetch("shop"),
        lambda seen: [dyno.state for dyno in seen] == ["crashed"],
        followed.scene.deadline,
    )

    newest, deadline = heroku.releases.fetch_newest("shop")[0], followed.scene.deadline
    lines = heroku.log_sessions.fetch_last("shop", "web.1", 20, newest.created_at, deadline)
    others = heroku.log_sessions.fetch_last("shop", "web.10", 20, newest.created_at, deadline)
    later = newest.created_at + timedelta(hours=1)
    nothing = heroku.log_sessions.fetch_last("shop", "web.1", 20, later, deadline)

    assert len(lines) == 20
    assert {"step 30", "no such module"} <= {*lines}
    assert any(line.startswith("heroku: ") and "crashed" in line for line in lines)
    assert (others, nothing) == ((), ())


SAID = "2026-01-01T12:00:00.123456+00:00 {}: {}\n"
BEFORE = "2025-12-31T23:59:59.999999+00:00 app[web.1]: the code from before\n"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
LINES = BEFORE + SAID.format("app[web.1]", "one") + SAID.format("app[web.2]", "not mine")
PLAIN = (LINES + "what is this\n" + SAID.format("heroku[web.1]", "State changed")).encode()
EVENTS = b"".join(b"id: 1\ndata: " + line + b"\n\n" for line in PLAIN.splitlines())
READ = ("one", "heroku: State changed")


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        pytest.param(Answer(PLAIN), READ, id="plain text"),
        pytest.param(
            Answer(b": hello\n\n" + EVENTS, headers={"Content-Type": "text/event-stream"}),
            READ,
            id="events",
        ),
        pytest.param(Answer(PLAIN + b"x" * 4000, fault="half"), READ, id="cut off"),
        pytest.param(Answer(b""), (), id="nothing"),
    ],
)
def test_a_log_session_is_read_from_a_moment_on_as_text_or_as_events_and_without_the_key(
    bench: Bench, answer: Answer, lines: tuple[str, ...]
) -> None:
    bench.api.answers(Answer({"logplex_url": f"{bench.elsewhere.url}/s/SIGNED"}, 201))
    bench.elsewhere.answers(answer)

    read = bench.client().log_sessions.fetch_last("shop", "web.1", 20, SINCE, bench.deadline())

    assert read == lines
    assert bench.api.seen[0].json == {"dyno_name": "web.1", "lines": 100, "tail": False}
    assert "Authorization" not in bench.elsewhere.seen[0].headers
