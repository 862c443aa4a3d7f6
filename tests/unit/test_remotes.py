"""Which addresses of git repositories are taken, and where they lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelerator.remotes import Origin, parse_origin, parse_remote

HEROKU = Origin("https", "git.heroku.com", 443)


@pytest.mark.parametrize(
    ("text", "transport", "url", "host"),
    [
        ("https://host/a/b.git", "https", "https://host/a/b.git", "host"),
        (" HTTPS://Host:443/b.git ", "https", "https://Host:443/b.git", "host"),
        ("http://127.0.0.1:5080/b.git", "http", "http://127.0.0.1:5080/b.git", "127.0.0.1"),
        ("http://[::1]:5080/b.git", "http", "http://[::1]:5080/b.git", "::1"),
        ("http://localhost/b.git", "http", "http://localhost/b.git", "localhost"),
        ("ssh://git@host:22/b.git", "ssh", "ssh://git@host:22/b.git", "host"),
        ("git@github.com:shop/locks.git", "ssh", "git@github.com:shop/locks.git", "github.com"),
        ("host:locks.git", "ssh", "host:locks.git", "host"),
        ("file:///srv/locks.git", "file", "file:///srv/locks.git", None),
        ("/srv/locks.git", "file", "/srv/locks.git", None),
    ],
)
def test_an_address_is_taken(text: str, transport: str, url: str, host: str | None) -> None:
    remote = parse_remote(text)

    assert (remote.transport, remote.url) == (transport, url)
    assert (remote.origin and remote.origin.host) == host
    assert (remote.user, remote.password) == (None, None)


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("https://ann:p@ss%2Fword@host/x.git", "ann", "p@ss/word"),
        ("https://token@host/x.git", "token", None),
        ("https://:word@host/x.git", None, "word"),
    ],
)
def test_a_login_is_kept_apart_from_its_address(
    text: str, user: str | None, password: str | None
) -> None:
    remote = parse_remote(text)

    assert remote.url == "https://host/x.git"
    assert (remote.user.reveal() if remote.user else None) == user
    assert (remote.password.reveal() if remote.password else None) == password
    assert "word" not in repr(remote)
    assert "token" not in repr(remote)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("--upload-pack=touch X", id="an option"),
        pytest.param("-oProxyCommand=x:path", id="an option of ssh"),
        pytest.param("git@-oProxyCommand=x:path", id="an option of ssh as host"),
        pytest.param("-x@host:path", id="an option of ssh as user"),
        pytest.param("ssh://-oProxyCommand=x/path", id="an option of ssh in a URL"),
        pytest.param("ssh://-x@host/path", id="an option of ssh as user in a URL"),
        pytest.param("ssh://u:p@host/path", id="a password for ssh"),
        pytest.param("host:--upload-pack=x", id="an option as path"),
        pytest.param("https://host/a\nb", id="a line end"),
        pytest.param("https://host/a\x00b", id="NUL"),
        pytest.param("https://host/a b", id="a blank"),
        pytest.param("https://host\\@git.heroku.com/x", id="a backslash"),
        pytest.param("ext::sh -c id", id="a program"),
        pytest.param("ext::sh", id="a program without arguments"),
        pytest.param("ext::https://host/x", id="a program before a URL"),
        pytest.param("fd::17", id="a file descriptor"),
        pytest.param("https::https://host/x", id="a helper by its name"),
        pytest.param("ftp://host/x", id="FTP"),
        pytest.param("git://host/x", id="git without encryption"),
        pytest.param("http://git.heroku.com/x.git", id="clear text"),
        pytest.param("http://localhost.example.com/x.git", id="clear text to a look-alike"),
        pytest.param("https:///x.git", id="no host"),
        pytest.param("https://host", id="no path"),
        pytest.param("https://host/x?a=b", id="a query"),
        pytest.param("https://host/x#y", id="a fragment"),
        pytest.param("https://host:99999/x", id="no port"),
        pytest.param("https://host:0/x", id="port 0"),
        pytest.param("https://[x]/y", id="brackets around no address"),
        pytest.param("https://[::1/y", id="a bracket alone"),
        pytest.param("https://hóst/x", id="letters beyond ASCII"),
        pytest.param("file://host/x", id="a folder on a host"),
        pytest.param("origin", id="a name"),
        pytest.param("heroku", id="another name"),
        pytest.param("../locks.git", id="a relative path"),
        pytest.param("a/b:c", id="a relative path with a colon"),
        pytest.param(".", id="here"),
    ],
)
def test_what_git_could_take_for_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        parse_remote(text)


@given(st.text() | st.text(st.sampled_from("-:/@[]?#abs.h\\ \n")).map("https://".__add__))
def test_reading_an_address_raises_nothing_else(text: str) -> None:
    try:
        remote = parse_remote(text)
    except ValueError:
        return
    assert not remote.url.startswith("-")
    assert remote.url.isprintable()
    assert "@" not in remote.url.partition("://")[2].partition("/")[0] or remote.transport == "ssh"


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://git.heroku.com/x.git", True),
        ("https://git.heroku.com:443/x.git", True),
        ("HTTPS://GIT.Heroku.COM/x.git", True),
        ("https://u:p@git.heroku.com/x.git", True),
        ("http://git.heroku.com/x.git", False),
        ("https://git.heroku.com:444/x.git", False),
        ("https://git.heroku.com@evil.example/x.git", False),
        ("https://git.heroku.com:443@evil.example/x.git", False),
        ("https://evil.example/@git.heroku.com/x.git", False),
        ("https://git.heroku.com.evil.example/x.git", False),
        ("ssh://git.heroku.com/x.git", False),
    ],
)
def test_an_origin_is_scheme_host_and_port_as_they_are_meant(url: str, is_same: bool) -> None:
    assert (parse_origin(url) == HEROKU) == is_same
