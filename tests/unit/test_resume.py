"""Resuming: the note is shown, and something else than the note has to speak for its commit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelerator.cli.invocation import Invocation
from accelerator.errors import AcceleratorError, NotFound, Refused, UsageProblem
from accelerator.events import Note
from accelerator.models import Commit, Refusal
from accelerator.steps.guard.notes import expiry, lock_ref, render_note
from accelerator.steps.resume import ResumeOrder, resume
from tests.unit.deployscene import Scene, scene
from tests.unit.fakes import COMMIT, OTHER, make_app, make_note

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = "accelerator resume shop"


@dataclass
class Cut:
    """A target on which a deploy of the commit was cut short, as a note says."""

    scene: Scene
    asked: list[str] = field(default_factory=list)
    typed: str = ""

    def put(self, text: str | None = None, **changes: Any) -> None:
        end = expiry(self.scene.stage.clock.moment())
        note = make_note(**{"state": "interrupted", "expires_at": end, **changes})
        self.scene.refs.put(lock_ref("shop"), render_note(note) if text is None else text)

    def resume(self, *, at_terminal: bool = False, **given: Any) -> None:
        def ask(question: str) -> str:
            self.asked.append(question)
            return self.typed

        order = ResumeOrder("shop", self.scene.order.rules, **given)
        resume(self.scene.stage.run, order, self.scene.report, ask if at_terminal else None)

    def fail(self, kind: type[AcceleratorError], **given: Any) -> AcceleratorError:
        with pytest.raises(kind) as caught:
            self.resume(**given)
        assert self.scene.writes() == []
        return caught.value

    def said(self) -> list[str]:
        return [each.text for each in self.scene.stage.ear.events if isinstance(each, Note)]


@pytest.fixture
def cut() -> Cut:
    made = scene("good", make_app("shop", "old"))
    made.lock()
    made.stage.clone.known = replace(COMMIT, author="Ann <ann@example.com>")
    found = Cut(made)
    found.put(holder="gitlab job", link="https://ci.example/7")
    return found


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"named": COMMIT.sha}, id="somebody names the commit"),
        pytest.param({"own": COMMIT.sha}, id="the job is about the commit"),
        pytest.param({"confirmed": "shop"}, id="somebody names the app once more"),
        pytest.param({"named": COMMIT.sha, "own": OTHER.sha}, id="named in a job of another one"),
    ],
)
def test_what_something_else_than_the_note_speaks_for_is_shipped(
    cut: Cut, given: dict[str, Any]
) -> None:
    cut.resume(**given)

    assert cut.scene.held("shop") == "good"
    assert cut.asked == []


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"own": OTHER.sha}, id="a job of another commit"),
        pytest.param({"own": "HEAD"}, id="a job that names no sha"),
        pytest.param({"own": COMMIT.short}, id="a job that names half a sha"),
    ],
)
def test_what_only_the_note_names_is_refused_with_a_command_that_ships_it(
    cut: Cut, given: dict[str, Any]
) -> None:
    error = cut.fail(Refused, **given)

    assert (error.exit_code, cut.scene.report.reason) == (3, Refusal.NOT_CONFIRMED)
    assert f"{COMMIT.sha} (Serve it; by Ann <ann@example.com>)" in error.message
    assert "gitlab job (promote of c0ffee00" in error.message
    assert "https://ci.example/7" in error.message
    assert f"`{COMMAND} --commit {COMMIT.sha}`" in str(error.hint)
    assert cut.scene.report.commit == Commit(COMMIT.sha)


@pytest.mark.parametrize("given", [{}, {"own": COMMIT.sha}, {"confirmed": "shop"}], ids=str)
def test_another_commit_than_the_one_that_is_named_is_refused_and_both_are_told(
    cut: Cut, given: dict[str, Any]
) -> None:
    error = cut.fail(Refused, named=OTHER.sha, at_terminal=True, **given)

    assert cut.scene.report.reason is Refusal.NOT_CONFIRMED
    assert COMMIT.sha in error.message
    assert OTHER.sha in error.message
    assert cut.asked == []


def test_the_name_of_another_app_confirms_nothing_and_both_are_told(cut: Cut) -> None:
    error = cut.fail(UsageProblem, confirmed="shop-staging", named=COMMIT.sha)

    assert error.message == "--confirm names shop-staging, and what is deployed to is shop"
    assert error.hint == "--confirm shop, if that is what you mean"


def test_the_same_holder_and_link_as_ours_prove_nothing(cut: Cut) -> None:
    policy = cut.scene.order.rules.lock
    cut.put(holder=policy.holder, link=policy.link)

    cut.fail(Refused)


def test_a_person_confirms_by_the_name_of_the_app(cut: Cut) -> None:
    cut.typed = "shop\n"

    cut.resume(at_terminal=True)

    assert cut.scene.held("shop") == "good"
    assert len(cut.asked) == 1
    assert "c0ffee00" in cut.asked[0]


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "shop-eu\n", "SHOP\n"])
def test_anything_else_that_a_person_types_is_a_no(cut: Cut, typed: str) -> None:
    cut.typed = typed

    cut.fail(Refused, at_terminal=True)

    assert len(cut.asked) == 1


def test_what_is_resumed_is_shown_before_anything_is_asked(cut: Cut) -> None:
    cut.scene.stage.clone.known = replace(
        COMMIT, subject="Serve\x1b[2J it\n::set-output", author="Ann"
    )

    cut.fail(Refused)

    assert cut.said() == [
        f"resuming shop: {COMMIT.sha} (Serve\\x1b[2J it ::set-output; by Ann)",
        "left by gitlab job (promote of c0ffee00 since 2026-03-01T12:00:00+00:00, "
        "https://ci.example/7)",
    ]


def test_a_commit_that_is_not_here_is_said_to_be_missing(cut: Cut) -> None:
    cut.scene.stage.clone.known = OTHER

    error = cut.fail(Refused)

    assert f"{COMMIT.sha} (not in this clone)" in error.message


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda cut: cut.put("hands off"), id="prose"),
        pytest.param(lambda cut: cut.put(commit="feature"), id="a branch for a commit"),
        pytest.param(lambda cut: cut.put(commit=COMMIT.short), id="half a sha"),
        pytest.param(lambda cut: cut.put(commit=COMMIT.sha.upper()), id="a sha in capitals"),
        pytest.param(lambda cut: cut.put(commit=f"{COMMIT.sha}\n"), id="a sha and a line end"),
        pytest.param(lambda cut: cut.put(app="shop-eu"), id="a note on another app"),
        pytest.param(
            lambda cut: cut.put(expires_at="9999-12-31T23:59:59+00:00"), id="an end in 9999"
        ),
    ],
)
def test_a_note_that_cannot_be_read_is_not_resumed_whoever_confirms(
    cut: Cut, make: Callable[[Cut], None]
) -> None:
    make(cut)

    error = cut.fail(Refused, confirmed="shop")

    assert cut.scene.report.reason is Refusal.LOCKED
    assert "cannot be read" in error.message
    assert "`accelerator unlock shop`" in str(error.hint)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({"commit": "", "route": "migration"}, NotFound, id="a lock by hand"),
        pytest.param({"state": "held"}, Refused, id="a deploy that runs"),
    ],
)
def test_what_is_no_deploy_cut_short_is_not_resumed(
    cut: Cut, changes: dict[str, str], kind: type[AcceleratorError]
) -> None:
    cut.put(**changes)

    cut.fail(kind, confirmed="shop")


def test_what_is_confirmed_is_shipped_also_when_the_note_changes_meanwhile(cut: Cut) -> None:
    def turn() -> None:
        cut.put(commit=OTHER.sha)

    cut.scene.stage.heroku.before["releases.fetch_newest shop"] = turn

    cut.resume(named=COMMIT.sha)

    assert cut.scene.held("shop") == "good"
    assert cut.scene.report.commit == Commit(COMMIT.sha)


def test_where_equal_trees_count_the_commit_has_to_be_here(cut: Cut) -> None:
    cut.scene.change(same_tree=True)
    cut.scene.stage.clone.known = OTHER

    error = cut.fail(NotFound, named=COMMIT.sha)

    assert "not in this clone" in error.message


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "stderr", "expected"),
    [
        pytest.param(Terminal(), Terminal(), True, id="both are a terminal"),
        pytest.param(StringIO(), Terminal(), False, id="the input is none"),
        pytest.param(Terminal(), StringIO(), False, id="the output is none"),
        pytest.param(None, Terminal(), False, id="there is no input"),
    ],
)
def test_only_where_both_ends_are_a_terminal_there_is_a_person(
    stdin: StringIO | None, stderr: StringIO, *, expected: bool
) -> None:
    invocation = Invocation({}, Path(), StringIO(), stderr, stdin=stdin)

    assert invocation.has_person is expected


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"GITLAB_CI": "true"}], ids=str)
def test_nobody_sits_at_the_terminal_of_a_job(environment: dict[str, str]) -> None:
    terminal = Terminal()

    invocation = Invocation(environment, Path(), StringIO(), terminal, stdin=terminal)

    assert not invocation.has_person


def test_a_question_is_written_and_one_line_is_read() -> None:
    stderr = Terminal()
    invocation = Invocation({}, Path(), StringIO(), stderr, stdin=Terminal("shop\nmore\n"))

    assert invocation.ask("Which? ") == "shop\n"
    assert stderr.getvalue() == "Which? "


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("shop-eu\n", "'shop-eu' was typed, and the app is called shop", id="another"),
        pytest.param(
            "a\x1b[2J\n", "was typed, and the app is called shop", id="keys of a terminal"
        ),
    ],
)
def test_a_wrong_name_at_the_prompt_is_told_as_that(cut: Cut, typed: str, said: str) -> None:
    cut.typed = typed

    error = cut.fail(Refused, at_terminal=True)

    assert said in error.message
    assert "\x1b" not in error.message
    assert "type shop" in str(error.hint)
