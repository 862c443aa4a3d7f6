"""Where the platform is, and which hosts get the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.errors import HostNotRecognised, UsageProblem
from accelerator.models import Endpoint
from accelerator.settings import endpoint

ENDPOINTS = [
    pytest.param({}, "https://api.heroku.com", "https://git.heroku.com", id="nothing set"),
    pytest.param(
        {"HEROKU_HOST": ""}, "https://api.heroku.com", "https://git.heroku.com", id="blank"
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001"},
        "http://127.0.0.1:5001",
        "http://127.0.0.1:5001",
        id="this machine",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://localhost:5001/"},
        "http://localhost:5001",
        "http://localhost:5001",
        id="this machine by name, with a slash",
    ),
    pytest.param(
        {"HEROKU_HOST": "https://[::1]:5001"},
        "https://[::1]:5001",
        "https://[::1]:5001",
        id="this machine in IPv6",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.8.9.1"},
        "http://127.8.9.1",
        "http://127.8.9.1",
        id="any loopback address",
    ),
    pytest.param(
        {"HEROKU_HOST": "HerokuDev.com"},
        "https://api.herokudev.com",
        "https://git.herokudev.com",
        id="another Heroku domain",
    ),
    pytest.param(
        {"HEROKU_HOST": "eu.herokuspace.com"},
        "https://api.eu.herokuspace.com",
        "https://git.eu.herokuspace.com",
        id="a subdomain",
    ),
    pytest.param(
        {"HEROKU_HOST": "https://api.staging.herokudev.com"},
        "https://api.staging.herokudev.com",
        "https://api.staging.herokudev.com",
        id="a full URL on a Heroku domain",
    ),
    pytest.param(
        {"HEROKU_GIT_HOST": "git.herokai.com"},
        "https://api.heroku.com",
        "https://git.herokai.com",
        id="only git elsewhere",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001", "HEROKU_GIT_HOST": "127.0.0.1:5002"},
        "http://127.0.0.1:5001",
        "http://127.0.0.1:5002",
        id="git on another port of this machine",
    ),
    pytest.param(
        {"HEROKU_HOST": "http://127.0.0.1:5001", "HEROKU_GIT_HOST": "https://localhost:5002"},
        "http://127.0.0.1:5001",
        "https://localhost:5002",
        id="git with a scheme of its own",
    ),
]


@pytest.mark.parametrize(("environment", "api", "git"), ENDPOINTS)
def test_the_endpoint_follows_the_variables_of_the_heroku_cli(
    environment: dict[str, str], api: str, git: str
) -> None:
    assert endpoint(environment) == Endpoint(api_url=api, git_url=git)


@pytest.mark.parametrize("variable", ["HEROKU_HOST", "HEROKU_GIT_HOST"])
@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "https://example.com",
        "evilheroku.com",
        "heroku.com.evil.org",
        "heroku.com.",
        ".heroku.com",
        "https://.heroku.com",
        "a..heroku.com",
        "-a.heroku.com",
        "x" * 64 + ".heroku.com",
        ".heroku.com.evil.org",
        "http://localhost@evil.com",
        "http://127.0.0.1:80@evil.com",
        "https://user:pa55word@api.heroku.com",
        "https://user:x@pa55word@api.heroku.com",
        "user:x@pa55word@api.heroku.com",
        "user:pa55 pa55word@api.heroku.com",
        "https://user:x/pa55word@api.heroku.com",
        "https://evil.com/heroku.com",
        "https://evil.com#.heroku.com",
        "https://evil.com?.heroku.com",
        "https://evil.com\\.heroku.com",
        "https://api.heroku.com/path",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://foo.localhost:5000",
        "http://127.1",
        "http://0x7f.0.0.1",
        "http://2130706433",
        "http://0.0.0.0:5000",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "http://[::ffff:127.0.0.1]",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:",
        "http://127.0.0.1:5001\nevil.com",
        "heroku.com\tevil.com",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://",
        "https://api.heroku.com,evil.com",
        "https://herok\u00fc.com",
        "https://heroku\u3002com",
    ],
)
def test_a_host_that_is_neither_herokus_nor_this_machine_is_refused(
    variable: str, value: str
) -> None:
    with pytest.raises(HostNotRecognised) as raised:
        endpoint({variable: value})

    assert variable in raised.value.message
    assert "pa55word" not in raised.value.message
    assert raised.value.message.isprintable()


def test_this_machine_without_a_scheme_means_something_else_to_the_cli_and_is_refused() -> None:
    with pytest.raises(HostNotRecognised):
        endpoint({"HEROKU_HOST": "localhost:5001"})


@pytest.mark.parametrize("variable", ["HEROKU_HOST", "HEROKU_GIT_HOST"])
def test_the_key_never_goes_to_heroku_in_clear_text(variable: str) -> None:
    with pytest.raises(UsageProblem, match="in clear text"):
        endpoint({variable: "http://api.heroku.com"})


@given(st.text(max_size=40))
def test_whatever_the_variable_holds_the_key_stays_with_heroku_or_this_machine(text: str) -> None:
    try:
        found = endpoint({"HEROKU_HOST": text})
    except UsageProblem:
        return

    host = found.api_url.split("://")[1].split(":")[0]
    heroku = (".heroku.com", ".herokai.com", ".herokuspace.com", ".herokudev.com")  # the CLI's own
    assert host == "localhost" or host.endswith(heroku) or host.startswith("127.")
