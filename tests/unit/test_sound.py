from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from accelerator.checks import find_unsound, parse_checks
from accelerator.errors import UsageProblem
from accelerator.settings import load_settings
from accelerator.steps.verify.settled import Verification
from accelerator.steps.verify.smoke import SmokeCheck, parse_check
from accelerator.steps.verify.sound import demand_programs, demand_sound, find_program
from tests.unit.deployscene import scene

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "accelerator.toml: stages.production.smoke"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param("/health {comit}", "did you mean {commit}?", id="a slip in the placeholder"),
        pytest.param("/health/{comit}", "did you mean {commit}?", id="a slip in the address"),
        pytest.param("/health {sha}", "did you mean {commit}?", id="another name for it"),
        pytest.param("/up 200 header X: {Commit}", "did you mean {commit}?", id="in a header"),
        pytest.param("/health/{commit}", "/health {commit}", id="the placeholder in the address"),
        pytest.param("$ ./smoke.sh {commit}", "write $COMMIT", id="the placeholder in a command"),
        pytest.param("2x $ curl {comit}", "write $COMMIT", id="a slip in a command"),
        pytest.param("/up {commit", "mean {commit}", id="a brace is missing"),
        pytest.param("/up 200 sha {{commit}}", "mean {commit}", id="two, as templates have them"),
        pytest.param("/up { commit }", "mean {commit}", id="blanks in the placeholder"),
        pytest.param("http:/foo", "'http://foo'", id="one slash"),
        pytest.param("https:foo.example/up 200", "'https://foo.example/up'", id="no slash"),
        pytest.param("foo.example.com/up", "'https://foo.example.com/up'", id="no scheme"),
        pytest.param(
            "localhost:5000/up 200", "'https://localhost:5000/up'", id="a port, no scheme"
        ),
        pytest.param("health", "/health", id="neither path nor URL"),
    ],
)
def test_a_check_that_cannot_be_meant_is_refused_with_where_it_is_written(
    text: str, hint: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        demand_sound(text, SOURCE)

    assert caught.value.message.startswith(f"{SOURCE}: the smoke check")
    assert hint in str(caught.value.hint)


def test_a_host_without_a_scheme_is_said_to_be_a_path_as_well() -> None:
    with pytest.raises(UsageProblem) as caught:
        demand_sound("foo.example.com/up", "flag --smoke")

    assert "'/foo.example.com/up' for a path on the app's own address" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "/health {commit}",
        '/up {"commit": "{commit}"}',
        "/up {commit: x",
        "/up ${commit",
        "/up 204",
        "/v1.2/up {ok}",
        '/status {"state": "fine"}',
        "https://foo.example/ 200 Welcome",
        "$ ./smoke.sh ${COMMIT}",
        "$ curl ${commit}",
        "$ awk '{print}' file",
        "$ curl $APP_URL | jq -e '{commit} == {commit: env.COMMIT}'",
        "$ curl $APP_URL | jq '{comment}'",
        '$ test "$(git rev-parse v1^{commit})" = $COMMIT',
        "/ header X-Revision: {commit}",
    ],
)
def test_a_sound_check_is_read_as_it_is_written(text: str) -> None:
    assert demand_sound(text, SOURCE) == parse_check(text)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("curl --fail $APP_URL", "curl"),
        ("A=b C= ./smoke.sh x", "./smoke.sh"),
        ("/usr/bin/env python", "/usr/bin/env"),
        ("test -e x", None),
        ("if true; then foo; fi", None),
        ("$PROGRAM x", None),
        ("(cd x; foo)", None),
        ("'unended", None),
        ("A=b", None),
        ('body=$(curl -s $APP_URL); test "$body" = ok', None),
        ("sha=$(git rev-parse HEAD) && ./smoke.sh $sha", None),
        ("body=`curl -s $APP_URL`", None),
        ("n=$((1 + 2)) smoke", None),
        ("PATH=node_modules/.bin:$PATH playwright test", None),
        ("smoke () { curl -f $1; }; smoke $APP_URL", None),
        ("", None),
    ],
)
def test_the_program_of_a_command_is_told_where_it_is_plain_to_see(
    command: str, program: str | None
) -> None:
    assert find_program(command) == program


def test_a_command_that_is_not_there_is_found_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("#!/bin/sh\n", "utf-8")
    (tmp_path / "there").chmod(0o755)
    environment = {"PATH": str(tmp_path)}

    demand_programs(
        [parse_check("$ there x"), parse_check("$ true"), parse_check("/up")], environment
    )
    with pytest.raises(UsageProblem, match="runs ther, and no such program is on PATH"):
        demand_programs([parse_check("$ ther x")], environment)
    with pytest.raises(UsageProblem, match=r"\./gone, and no such program is in this folder"):
        demand_programs([parse_check("$ ./gone")], environment)


def test_a_deploy_looks_for_the_commands_of_its_checks_before_it_writes() -> None:
    made = scene("good")

    error = made.fail(
        UsageProblem, verification=Verification((SmokeCheck("", command="no-such-thing-here x"),))
    )

    assert "runs no-such-thing-here" in error.message
    assert made.writes() == []


def test_what_is_wrong_with_checks_is_found_for_all_stages_and_for_those_with_their_own() -> None:
    file = {
        "smoke": ["/up", "health", "up"],
        "stages": {"production": {"smoke": ["/health {comit}"]}, "review": {"smoke": []}},
    }
    settings = load_settings({}, {}, file, "accelerator.toml")

    problems = list(find_unsound(settings))

    assert [problem.setting for problem in problems] == ["smoke", "smoke", SOURCE.split(": ")[1]]
    assert problems[0].text.startswith("accelerator.toml: smoke: ")
    assert problems[2].text.startswith(f"{SOURCE}: ")
    assert problems[2].text.endswith("did you mean {commit}?")
    assert parse_checks(settings, "review") == ()
    for stage, source in ((None, "accelerator.toml: smoke"), ("production", SOURCE)):
        with pytest.raises(UsageProblem, match=source):
            parse_checks(settings, stage)
