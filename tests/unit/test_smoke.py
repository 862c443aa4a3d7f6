from __future__ import annotations

import gzip
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.errors import UsageProblem
from accelerator.events import Evidence
from accelerator.models import Commit
from accelerator.settings.parsing import is_command
from accelerator.steps.verify import smoke
from accelerator.steps.verify.smoke import Site as Asked
from accelerator.steps.verify.smoke import (
    SmokeCheck,
    check_smoke,
    expected_text,
    parse_check,
    resolve,
)
from accelerator.steps.verify.visit import Expected, Seen, list_words, visit
from accelerator.waiting import Deadline
from tests.unit.fakes import COMMIT, FakeClock, Stage, make_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Page:
    status: int = 200
    body: bytes = b"Welcome home"
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    """The length it says it has."""


class Site(ThreadingHTTPServer):
    """A website on loopback; a list of pages is given one after the other, the last for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.pages: dict[str, list[Page]] = {}
        self.visits: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.visits.append((self.path, headers))
        pages = self.server.pages.get(self.path, [Page(404, b"nothing here")])
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        length = len(page.body) if page.promised is None else page.promised
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(page.body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # the base's name
        """Stay silent."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def soon() -> Deadline:
    return Deadline.after(FakeClock(), 60)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("/health", SmokeCheck("/health"), id="a path"),
        pytest.param("  /health ", SmokeCheck("/health"), id="a path with space around"),
        pytest.param("/up 204", SmokeCheck("/up", 204), id="a path and a status"),
        pytest.param("/ Welcome home", SmokeCheck("/", None, "Welcome home"), id="a text"),
        pytest.param("/ 200 Welcome home", SmokeCheck("/", 200, "Welcome home"), id="all three"),
        pytest.param("/ 2000 bottles", SmokeCheck("/", None, "2000 bottles"), id="no status"),
        pytest.param("/ 200 200", SmokeCheck("/", 200, "200"), id="a text like a status"),
        pytest.param("/ 200 \ttab", SmokeCheck("/", 200, "\ttab"), id="a text that begins odd"),
        pytest.param("/ two\nlines", SmokeCheck("/", None, "two\nlines"), id="two lines"),
        pytest.param("/x {commit}", SmokeCheck("/x", None, "{commit}"), id="the commit"),
        pytest.param(
            "/x 200 header X-Revision: {commit}",
            SmokeCheck("/x", 200, "{commit}", header="X-Revision"),
            id="the commit in a header",
        ),
        pytest.param("/x headers: none", SmokeCheck("/x", None, "headers: none"), id="no header"),
        pytest.param(
            "https://shop.example/ 301", SmokeCheck("https://shop.example/", 301), id="a full URL"
        ),
    ],
)
def test_a_check_is_read_as_it_is_written(written: str, expected: SmokeCheck) -> None:
    assert parse_check(written) == expected


@pytest.mark.parametrize("written", ["", "  ", "\n"])
def test_an_empty_check_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(UsageProblem, match="is empty") as caught:
        parse_check(written)

    assert "/health" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("$ ./smoke.sh", SmokeCheck("", command="./smoke.sh"), id="a script"),
        pytest.param("$\thealth", SmokeCheck("", command="health"), id="a tab for the blank"),
        pytest.param(
            "$ curl -fsS $APP_URL | grep 'Welcome home'",
            SmokeCheck("", command="curl -fsS $APP_URL | grep 'Welcome home'"),
            id="what follows a dollar is a command, with all its words",
        ),
        pytest.param("$ a\nb", SmokeCheck("", command="a\nb"), id="a command of two lines"),
        pytest.param("3x /health", SmokeCheck("/health", times=3), id="an address three times"),
        pytest.param(
            "12x /up 204 fine", SmokeCheck("/up", 204, "fine", 12), id="twelve times, in full"
        ),
        pytest.param("2x $ ./run", SmokeCheck("", times=2, command="./run"), id="a command twice"),
    ],
)
def test_commands_and_repetitions_are_read_as_they_are_written(
    written: str, expected: SmokeCheck
) -> None:
    assert parse_check(written) == expected


def test_a_password_is_masked_before_a_long_check_is_cut() -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_check(f"$x {'a ' * 80}https://ann:{'secret' * 9}@shop.example/up?token=1")

    assert "secret" not in caught.value.message
    assert "***@shop.example" in caught.value.message


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        pytest.param("health", "/health", id="a path without its slash"),
        pytest.param("health", "'$ health'", id="which is a program's name too"),
        pytest.param("3x health 200", "/health", id="the same with times and status"),
        pytest.param("./smoke.sh", "'$ ./smoke.sh'", id="a command without its dollar"),
        pytest.param("curl -f $APP_URL", "'$ curl'", id="one with a dollar elsewhere"),
        pytest.param("http:/up", "https://", id="a URL with one slash"),
        pytest.param("htp://shop.example/", "https://", id="a slip in the scheme"),
        pytest.param("ftp://shop.example/", "https://", id="another scheme"),
        pytest.param("https:///up", "https://", id="a URL without a host"),
        pytest.param("https://[x]/up", "https://", id="brackets around no address"),
        pytest.param("https://shop.example:http/", "https://", id="a port that is none"),
        pytest.param("0x /up", "/0x", id="no times"),
        pytest.param("2xy", "/2xy", id="a word that begins like a number"),
        pytest.param("$", "'$ ./smoke.sh'", id="no command"),
        pytest.param("$./smoke.sh", "'$ ./smoke.sh'", id="no blank after the dollar"),
        pytest.param("/up/{commit}", "/health {commit}", id="in the address"),
    ],
)
def test_what_is_neither_an_address_nor_a_command_is_refused_and_never_run(
    written: str, hint: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_check(written)

    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", ['{"ok":true}', '{"commit": "{commit}"}', "{commit: x", "{name}", "{}", "${commit"]
)
def test_braces_that_mean_something_else_are_a_text_like_any_other(text: str) -> None:
    assert parse_check(f"/up {text}").text == text


@pytest.mark.parametrize(
    "written",
    ["up?token=hush", "htp://ada:hu@sh@shop.example/", "$curl https://a:hush@x/?t=hush"],
)
def test_a_check_that_is_refused_shows_no_password_and_no_token(written: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_check(written)

    said = f"{caught.value.message} {caught.value.hint}"
    assert not any(secret in said for secret in ("hush", "hu@sh", "sh@"))


@given(st.text())
def test_only_what_follows_a_dollar_sign_is_ever_run(text: str) -> None:
    try:
        check = parse_check(text)
    except UsageProblem:
        return

    assert (check.command is not None) == is_command(text)
    assert check.command is None or "$" in text.partition(check.command)[0]


@pytest.mark.parametrize(
    ("url", "web_url", "expected"),
    [
        pytest.param(
            "/health", "https://shop-1a2b.example/", "https://shop-1a2b.example/health", id="a path"
        ),
        pytest.param("/", "https://shop.example/", "https://shop.example/", id="the root"),
        pytest.param("/a?b=c", "http://x/", "http://x/a?b=c", id="a query"),
        pytest.param("//evil.example/", "http://x/", "http://x/evil.example/", id="two slashes"),
        pytest.param("/http://y/", "http://x/", "http://x/http://y/", id="a URL as a path"),
        pytest.param("http://y/up", "http://x/", "http://y/up", id="a full URL"),
        pytest.param("http://y/up", None, "http://y/up", id="a full URL of an app without one"),
    ],
)
def test_a_path_is_on_the_apps_own_address(url: str, web_url: str | None, expected: str) -> None:
    assert resolve(SmokeCheck(url), web_url) == expected


def test_a_path_of_an_app_without_an_address_is_refused() -> None:
    with pytest.raises(UsageProblem, match="no web_url"):
        resolve(SmokeCheck("/health"), None)


@pytest.mark.parametrize(
    ("text", "commit", "expected"),
    [
        pytest.param(None, COMMIT, None, id="no text"),
        pytest.param("ok", COMMIT, "ok", id="a plain text"),
        pytest.param("ok", None, "ok", id="a plain text and no commit"),
        pytest.param("at {commit}!", Commit("abc"), "at abc!", id="the commit"),
        pytest.param("at {commit}!", None, None, id="a commit nobody knows is not asked for"),
    ],
)
def test_the_commit_is_filled_in_where_it_is_known(
    text: str | None, commit: Commit | None, expected: str | None
) -> None:
    assert expected_text(SmokeCheck("/", None, text), commit) == expected


@pytest.mark.parametrize(
    ("page", "status", "text", "flaw"),
    [
        pytest.param(Page(), None, None, None, id="200"),
        pytest.param(Page(204, b""), None, None, None, id="204"),
        pytest.param(Page(304, b""), None, None, None, id="a status of the three hundreds"),
        pytest.param(Page(404), None, None, "answered 404", id="404"),
        pytest.param(Page(500), None, None, "answered 500", id="500"),
        pytest.param(Page(404), 404, None, None, id="404 as asked"),
        pytest.param(Page(201), 200, None, "answered 201", id="another good status than asked"),
        pytest.param(Page(), None, "Welcome", None, id="with the text"),
        pytest.param(
            Page(), None, "Farewell", "answered 200 without the text 'Farewell'", id="without it"
        ),
        pytest.param(Page(500), None, "Welcome", "answered 500", id="the text on an error page"),
        pytest.param(Page(body="Grüße".encode()), None, "Grüße", None, id="a text beyond ASCII"),
        pytest.param(
            Page(body=gzip.compress(b"Welcome"), headers={"Content-Encoding": "gzip"}),
            None,
            "Welcome",
            None,
            id="a compressed body",
        ),
        pytest.param(
            Page(body=b"nonsense", headers={"Content-Encoding": "gzip"}),
            None,
            "Welcome",
            "did not answer (ContentDecodingError)",
            id="a body that is not what its header says",
        ),
        pytest.param(
            Page(body=b"Wel", promised=300),
            None,
            "Welcome",
            "did not answer (ChunkedEncodingError)",
            id="a body that is cut off",
        ),
        pytest.param(
            Page(body=b"x" * ((1 << 20) - 7) + b"Welcome"), None, "Welcome", None, id="in one MiB"
        ),
        pytest.param(
            Page(body=b"x" * (1 << 21) + b"Welcome"),
            None,
            "Welcome",
            "answered 200 without the text 'Welcome'",
            id="far behind the first MiB",
        ),
    ],
)
def test_an_answer_is_judged_by_status_and_text(
    site: Site, soon: Deadline, page: Page, status: int | None, text: str | None, flaw: str | None
) -> None:
    site.pages["/"] = [page]

    answer = visit(site.url + "/", Expected(status=status, text=text), soon)

    assert answer.flaw == flaw


@pytest.mark.parametrize(
    ("headers", "flaw"),
    [
        pytest.param({"X-Revision": "abc123"}, None, id="it is there"),
        pytest.param(
            {"X-Revision": "older"}, "answered 200 without 'abc123' in x-revision", id="another one"
        ),
        pytest.param({}, "answered 200 without 'abc123' in x-revision", id="no such header"),
    ],
)
def test_a_text_may_be_looked_for_in_a_header(
    site: Site, soon: Deadline, headers: dict[str, str], flaw: str | None
) -> None:
    site.pages["/"] = [Page(body=b"abc123", headers=headers)]

    answer = visit(site.url + "/", Expected(text="abc123", header="x-revision"), soon)

    assert answer.flaw == flaw


def test_redirects_are_followed(site: Site, soon: Deadline) -> None:
    site.pages["/"] = [Page(302, b"", {"Location": "/home"})]
    site.pages["/home"] = [Page()]

    answer = visit(site.url + "/", Expected(status=200, text="Welcome"), soon)

    assert answer.flaw is None
    assert [path for path, _ in site.visits] == ["/", "/home"]


def test_a_redirect_in_a_circle_is_a_flaw(site: Site, soon: Deadline) -> None:
    site.pages["/"] = [Page(302, b"", {"Location": "/"})]

    assert visit(site.url + "/", Expected(), soon).flaw == "did not answer (TooManyRedirects)"


def test_a_refused_connection_is_a_flaw(soon: Deadline) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        answer = visit(f"http://127.0.0.1:{port}/", Expected(), soon)

    assert answer.flaw == "did not answer (ConnectionError)"


@contextmanager
def scripted(script: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one visitor by a script of what to send once the request is in; gives the URL."""

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            connection.recv(4096)
            script(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = Thread(target=serve, args=(server,))
        serving.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        serving.join()


def test_a_site_that_says_nothing_is_not_waited_for_past_the_deadline() -> None:
    has_left = Event()

    def answer_late(connection: socket.socket) -> None:
        has_left.wait(60)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with scripted(answer_late) as url:
        answer = visit(url, Expected(), Deadline.after(FakeClock(), 0.1))
        has_left.set()

    assert answer.flaw == "did not answer in time"


def test_a_body_that_drips_is_left_at_the_deadline() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 60)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        clock.pass_seconds(61)
        connection.sendall(b"W")
        connection.recv(1)  # until the visitor has gone

    with scripted(drip) as url:
        answer = visit(url, Expected(text="Welcome"), deadline)

    assert answer.flaw == "answered 200 without the text 'Welcome'"


def test_a_text_is_found_across_the_parts_it_comes_in(soon: Deadline) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def send_in_parts(connection: socket.socket) -> None:
        connection.sendall(head + b"3\r\nWel\r\n4\r\ncome\r\n0\r\n\r\n")

    with scripted(send_in_parts) as url:
        answer = visit(url, Expected(text="Welcome"), soon)

    assert answer.flaw is None


def test_no_credential_is_sent(
    site: Site, soon: Deadline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password HRKU-5ecret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HEROKU_API_KEY", "HRKU-5ecret")
    site.pages["/"] = [Page(302, b"", {"Location": "/home", "Set-Cookie": "a=b"})]
    site.pages["/home"] = [Page()]

    visit(site.url + "/", Expected(), soon)

    assert len(site.visits) == 2
    for _, headers in site.visits:
        assert "authorization" not in headers
        assert "HRKU" not in str(headers)


@pytest.fixture
def stage() -> Stage:
    return make_stage(smoke=10.0)


def at(site: Site, commit: Commit | None = COMMIT) -> Asked:
    return Asked("shop", site.url, commit, 7)


@pytest.mark.parametrize(
    ("page", "flaw"),
    [
        pytest.param(Page(201, headers={"X-Revision": COMMIT.sha}), None, id="as expected"),
        pytest.param(
            Page(200, headers={"X-Revision": "older"}),
            "answered 200: 'older' (12 tries in 0:08)",
            id="another status",
        ),
        pytest.param(
            Page(201, COMMIT.sha.encode()),
            f"answered 201 without {COMMIT.sha!r} in X-Revision: {COMMIT.sha!r} (12 tries in 0:08)",
            id="the text in the body only",
        ),
    ],
)
def test_a_check_is_asked_with_its_status_its_text_and_its_header(
    site: Site, stage: Stage, page: Page, flaw: str | None
) -> None:
    site.pages["/up"] = [page]
    check = parse_check("/up 201 header X-Revision: {commit}")

    seen = check_smoke(stage.run, (check,), at(site)).flaw

    assert seen == (flaw and f"{site.url}/up {flaw}")


def test_a_site_that_needs_a_moment_is_asked_again(site: Site, stage: Stage) -> None:
    site.pages["/health"] = [Page(503), Page(200, b"old"), Page(200, COMMIT.sha.encode())]
    checks = (parse_check("/health {commit}"),)

    flaw = check_smoke(stage.run, checks, at(site)).flaw

    assert flaw is None
    assert len(site.visits) == 3
    assert stage.clock.naps == pytest.approx([0.15, 0.195])


def test_the_last_flaw_is_told_at_the_deadline(site: Site, stage: Stage) -> None:
    site.pages["/health"] = [Page(503), Page(500)]

    flaw = check_smoke(stage.run, (SmokeCheck("/health"),), at(site)).flaw

    assert flaw == f"{site.url}/health answered 500: 'Welcome home' (12 tries in 0:08)"
    assert sum(stage.clock.naps) < 10.0


def test_what_a_failing_check_was_answered_is_evidence(site: Site, stage: Stage) -> None:
    site.pages["/health"] = [Page(500, b"\n no \x1b[31mdatabase\nat all\n")]

    check_smoke(stage.run, (SmokeCheck("/health"),), at(site))

    [evidence] = stage.ear.evidence()
    assert evidence.title == "the last answer to GET /health on shop"
    assert evidence.lines[0].startswith("HTTP 500 ")
    assert evidence.lines[1:] == (
        "no \\x1b[31mdatabase",
        "at all",
        "(12 tries in 0:08, 0:02 of 0:10 left)",
    )
    assert not evidence.is_repeat


def test_each_try_tells_what_was_answered_and_what_is_left(site: Site, stage: Stage) -> None:
    site.pages["/up?token=hush"] = [Page(503), Page(500), Page()]

    check_smoke(stage.run, (SmokeCheck("/up?token=hush"),), at(site), stage.ear.told)

    assert stage.ear.tellings == [
        "GET /up?***, 0:10 left",
        "GET /up?*** -> 503 (1st try, 0:10 left)",
        "GET /up?*** -> 500 (2nd try, 0:10 left)",
    ]


def test_how_the_checks_ended_is_kept(site: Site, stage: Stage) -> None:
    site.pages |= {"/a": [Page(503), Page(200, COMMIT.sha.encode())], "/b": [Page(204)]}
    checks = (parse_check("/b"), parse_check("/a {commit}"))

    checked = check_smoke(stage.run, checks, at(site)).checked

    told = [(c.check, c.passed, c.answer.status, c.tries, c.names_commit) for c in checked]
    assert told == [("/a", True, 200, 2, True), ("/b", True, 204, 1, False)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("\n\n  boom \n", ("boom",), id="plain"),
        pytest.param('{"error": "down"}', ('{"error": "down"}',), id="json"),
        pytest.param(
            "<!DOCTYPE html>\n<html><title>Application\nError &amp; more</title><body>x",
            ("Application Error & more",),
            id="the title of a page",
        ),
        pytest.param(
            "<style>a{}</style>\n<h1>Oh</h1>\n<script>x()\n</script><p>no",
            ("Oh", "no"),
            id="a page",
        ),
        pytest.param("\n".join("123456789"), tuple("12345678"), id="many lines"),
        pytest.param("<script" * 2000, (), id="what never ends"),
        pytest.param("\x1b[2J\u202e", ("\\x1b[2J\\u202e",), id="what is not to be seen"),
    ],
)
def test_of_an_answer_the_first_words_are_taken(body: str, words: tuple[str, ...]) -> None:
    assert list_words(body) == words


def test_what_a_failing_site_says_of_its_database_shows_no_password(
    site: Site, stage: Stage
) -> None:
    address = "postgres://ada:hush@db.example/shop?key=hush"
    body = f'no database at {address}\n{{"dsn":"{address}"}}\n'.encode()
    site.pages["/a"] = [Page(500, body, {"X-Error": address})]
    checks = (SmokeCheck("/a"), SmokeCheck("/a", text="x", status=500, header="X-Error"))

    seen = [check_smoke(stage.run, (check,), at(site)) for check in checks]

    told = [*(each.flaw for each in seen), *(each.checked[0].answer for each in seen)]
    assert "no database at postgres://***@db.example/shop?***" in str(told)
    assert "hush" not in str(told)


def test_every_check_is_asked_and_the_first_flaw_ends_it(site: Site, stage: Stage) -> None:
    site.pages |= {"/a": [Page()], "/b": [Page(500)], "/c": [Page()]}
    checks = (SmokeCheck("/a"), SmokeCheck("/b"), SmokeCheck("/c"))

    flaw = check_smoke(stage.run, checks, at(site)).flaw

    assert str(flaw).startswith(f"{site.url}/b answered 500: ")
    assert {path for path, _ in site.visits} == {"/a", "/b"}


def test_an_unknown_commit_is_not_asked_for(site: Site, stage: Stage) -> None:
    site.pages["/health"] = [Page(200, b"some commit")]

    flaw = check_smoke(stage.run, (SmokeCheck("/health", 200, "{commit}"),), at(site, None)).flaw

    assert flaw is None


def test_a_flaw_shows_neither_user_info_nor_query_which_are_sent_all_the_same(
    site: Site, stage: Stage
) -> None:
    host = site.url.removeprefix("http://")
    check = SmokeCheck(f"http://ada:hush@{host}/up?token=hush")

    flaw = check_smoke(stage.run, (check,), at(site)).flaw

    assert str(flaw).startswith(f"http://***@{host}/up?*** answered 404: ")
    assert "hush" not in str(stage.ear.events)
    path, headers = site.visits[0]
    assert path == "/up?token=hush"
    assert headers["authorization"].startswith("Basic ")


def test_successes_in_a_row_start_over_after_a_failure(site: Site, stage: Stage) -> None:
    site.pages["/up"] = [Page(), Page(503), Page(), Page(), Page(), Page(500)]

    answer = check_smoke(stage.run, (parse_check("3x /up"),), at(site))

    assert answer.flaw is None
    assert len(site.visits) == 5


def test_a_site_that_flaps_until_the_deadline_has_not_passed(site: Site, stage: Stage) -> None:
    site.pages["/up"] = [Page(), Page(503)] * 40

    answer = check_smoke(stage.run, (parse_check("2x /up"),), at(site))

    assert answer.flaw is not None
    assert answer.conclusive


def in_shell(command: str, **environment: str) -> tuple[SmokeCheck, Asked]:
    given = {"PATH": "/usr/bin:/bin", **environment}
    return SmokeCheck("", command=command), Asked("shop", "http://shop.example/", COMMIT, 7, given)


def test_a_command_is_told_what_to_ask_and_its_output_is_a_log(stage: Stage) -> None:
    check, asked = in_shell('echo "$APP_URL $COMMIT $RELEASE $LEVEL"', LEVEL="high")

    answer = check_smoke(stage.run, (check,), asked)

    assert answer.flaw is None
    assert stage.ear.lines() == [f"smoke shop: http://shop.example/ {COMMIT.sha} v7 high"]


def test_a_command_that_is_not_satisfied_is_run_again_until_the_deadline(stage: Stage) -> None:
    check, asked = in_shell("echo no; exit 3")

    answer = check_smoke(stage.run, (check,), asked)

    said = "echo no; exit 3 exited 3 (12 tries in 0:08)"
    assert (answer.flaw, answer.conclusive) == (said, True)
    assert stage.ear.evidence() == [
        Evidence("the last answer to $ echo no; exit 3 on shop", ("no",), is_repeat=True)
    ]
    assert len(stage.ear.lines()) > 1


def test_a_commands_flaw_shows_no_password_of_an_address_in_it(stage: Stage) -> None:
    check, asked = in_shell("false https://ada:hush@shop.example/?token=hush")

    flaw = check_smoke(stage.run, (check,), asked).flaw

    assert str(flaw).startswith("false https://***@shop.example/?*** exited 1 (")
    assert "hush" not in str(stage.ear.events)


def test_a_command_that_is_satisfied_later_passes(stage: Stage, tmp_path: Path) -> None:
    check, asked = in_shell(f"test -e {tmp_path}/ready || {{ touch {tmp_path}/ready; false; }}")

    assert check_smoke(stage.run, (check,), asked).flaw is None


@pytest.mark.parametrize("command", ["no-such-command-here", "/"])
def test_a_command_that_cannot_be_run_says_nothing_of_the_app(stage: Stage, command: str) -> None:
    check, asked = in_shell(command)

    answer = check_smoke(stage.run, (check,), asked)

    assert "could not be run" in str(answer.flaw)
    assert not answer.conclusive


def test_a_try_that_is_cut_off_at_the_deadline_tells_less_than_the_one_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [Seen("could not be run (exit status 127)", conclusive=False)]

    def run_once(_run: object, _command: str, _site: object, deadline: Deadline) -> Seen:
        if seen:
            return seen.pop()
        stage.clock.pass_seconds(deadline.remaining)
        return Seen("did not end in time")

    monkeypatch.setattr(smoke, "run_command", run_once)
    check, asked = in_shell("./nowhere.sh")

    answer = check_smoke(stage.run, (check,), asked)

    assert not answer.conclusive
    assert "could not be run" in str(answer.flaw)


def test_a_name_that_does_not_resolve_says_nothing_of_the_app(soon: Deadline) -> None:
    answer = visit("http://no-such-host.invalid/", Expected(), soon)

    assert answer.flaw is not None
    assert not answer.conclusive


def test_a_refused_connection_speaks_against_the_app(site: Site, soon: Deadline) -> None:
    site.pages["/"] = [Page(500)]

    assert visit(site.url + "/", Expected(), soon).conclusive
    assert visit("http://127.0.0.1:9/", Expected(), soon).conclusive
