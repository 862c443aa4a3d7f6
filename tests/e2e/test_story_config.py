"""`accelerator config` works when the configuration does not, and marks what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.commands import Command, base_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bare(program: Path, tmp_path: Path) -> Command:
    """The command where there is no platform, no key and no repository."""
    return Command(program, tmp_path, base_environment(tmp_path))


WRONG = """\
wait = "5m"
smoke = ["/health {comit}", "health"]
soak = "30m"
[prepare]
strategy = "perhaps"
"""


def test_what_is_wrong_is_marked_beside_what_is_right(bare: Command) -> None:
    (bare.directory / "accelerator.toml").write_text(WRONG)

    result = bare(
        "config", "--json", env={"HEROKU_API_KEY": "HRKU-secret", "ACCELERATOR_LOCK": "x"}
    )

    assert result.exit_code == 2
    rows = {row["name"]: row for row in result.document["settings"]}
    assert (rows["wait"]["value"], rows["wait"]["problem"]) == ("5m", None)
    for name, source in (
        ("lock", "ACCELERATOR_LOCK"),
        ("prepare.strategy", "accelerator.toml: prepare.strategy"),
        ("smoke", "accelerator.toml: smoke"),
    ):
        assert rows[name]["source"] == source
        assert rows[name]["problem"].startswith(source)
    told = [each["message"] for each in result.document["problems"]]
    assert len(told) == 5
    assert result.document["key_source"] == "HEROKU_API_KEY"
    assert all(each in result.document["error"]["message"] for each in told)


def test_people_read_one_problem_per_line_and_are_not_sent_in_a_circle(bare: Command) -> None:
    (bare.directory / "accelerator.toml").write_text(WRONG)

    shown = bare("config")
    elsewhere = bare("freeze", "shop", "--reason", "x", "--config", "accelerator.toml")

    assert shown.exit_code == elsewhere.exit_code == 2
    assert "\nNo API key was found: " in shown.stdout
    assert sum("smoke check" in line for line in shown.stdout.splitlines()) == 2
    assert "accelerator config" not in shown.stderr
    assert "error: the configuration is wrong in 2 places\n" in elsewhere.stderr
    assert len(elsewhere.stderr.splitlines()) == 4
    assert "`accelerator config --config accelerator.toml`" in elsewhere.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("wait = ", "accelerator.toml", id="no TOML"),
        pytest.param('wait = "5m"\nwait = "6m"\n', "accelerator.toml", id="a key twice"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_rest_to_be_shown(
    text: str, said: str, bare: Command
) -> None:
    (bare.directory / "accelerator.toml").write_text(text)

    result = bare("config", "--json", env={"ACCELERATOR_WAIT": "1m"})

    assert result.exit_code == 2
    [problem] = result.document["problems"]
    assert said in problem["message"]
    rows = {row["name"]: row["value"] for row in result.document["settings"]}
    assert rows["wait"] == "1m"


def test_a_foreign_host_and_a_key_that_can_be_none_are_problems_of_the_configuration(
    bare: Command,
) -> None:
    host = bare("config", "--json", env={"HEROKU_HOST": "evil.example"})
    key = bare("config", "--json", env={"HEROKU_API_KEY": "two words"})

    assert (host.exit_code, key.exit_code) == (2, 2)
    assert host.document["platform"] is None
    assert "HEROKU_HOST=evil.example" in host.document["problems"][0]["message"]
    assert "HEROKU_API_KEY" in key.document["problems"][0]["message"]
    assert "two words" not in key.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("status",), "`status` is planned, not built yet", id="a command"),
        pytest.param(
            ("deploy", "--with-config"), "`--with-config` is planned, not built yet", id="a flag"
        ),
        pytest.param(
            ("deploy", "--to", "shop", "--on-miss", "bild"), 'did you mean "build"?', id="a word"
        ),
    ],
)
def test_what_is_planned_or_mistyped_is_told_as_that(
    arguments: tuple[str, ...], said: str, bare: Command
) -> None:
    result = bare(*arguments, "--json")

    assert result.exit_code == 2
    assert said in result.stderr
    assert said in result.document["error"]["message"]
