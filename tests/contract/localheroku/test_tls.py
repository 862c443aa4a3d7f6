"""The second door: TLS under a certificate authority of the platform's own."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from accelerator.localheroku.server import LocalHeroku, listen

ACCEPT = "application/vnd.heroku+json; version=3"
COMMAND = [sys.executable, "-m", "accelerator", "local"]


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalHeroku]:
    with LocalHeroku(tls_port=0) as running:
        yield running


def _get(platform: LocalHeroku, address: str, **options: Any) -> requests.Response:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {platform.api_key}"}
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{address}/account", headers=headers, timeout=60, **options)


def test_both_doors_lead_to_the_same_platform(platform: LocalHeroku) -> None:
    secure = _get(platform, str(platform.tls_url), verify=str(platform.ca_file))
    plain = _get(platform, platform.url)

    assert (secure.status_code, plain.status_code) == (200, 200)
    assert secure.json() == plain.json()


def test_the_certificate_is_for_loopback_under_any_of_its_names(platform: LocalHeroku) -> None:
    address = str(platform.tls_url).replace("127.0.0.1", "localhost")

    assert _get(platform, address, verify=str(platform.ca_file)).status_code == 200


def test_who_does_not_know_the_authority_does_not_trust_it(platform: LocalHeroku) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        _get(platform, str(platform.tls_url))


def test_a_client_without_tls_is_turned_away_and_the_next_is_served(platform: LocalHeroku) -> None:
    port = int(str(platform.tls_url).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = plain.recv(100)

    assert not answer.startswith(b"HTTP")
    assert _get(platform, str(platform.tls_url), verify=str(platform.ca_file)).ok


def test_the_files_are_readable_by_their_owner_only_and_go_with_the_platform() -> None:
    with LocalHeroku(tls_port=0) as platform:
        authority = platform.ca_file
        assert authority is not None
        files = [authority, authority.with_name("server.pem")]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 2

    assert not authority.exists()


def test_without_tls_there_is_neither_address_nor_authority() -> None:
    with LocalHeroku() as platform:
        assert platform.tls_url is None
        assert platform.ca_file is None


def _first_lines(count: int, *options: str) -> list[str]:
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        process.terminate()
    return lines


def test_the_command_tells_the_address_and_the_authority_as_json() -> None:
    (line,) = _first_lines(1, "--tls", "--json")

    said = json.loads(line)
    assert said["tls_url"].startswith("https://127.0.0.1:")
    assert said["url"].startswith("http://127.0.0.1:")
    assert Path(said["ca_file"]).name == "ca.pem"


def test_a_tls_port_alone_asks_for_tls_too() -> None:
    with listen(0) as free:
        port = free.getsockname()[1]

    (line,) = _first_lines(1, "--tls-port", str(port), "--json")

    assert json.loads(line)["tls_url"] == f"https://127.0.0.1:{port}"


def test_the_exports_make_every_client_trust_it() -> None:
    lines = "".join(_first_lines(13, "--tls"))

    values = dict(
        line.removeprefix("export ").split("=", 1)
        for line in lines.splitlines()
        if line.startswith("export ") and " " not in line.removeprefix("export ")
    )
    assert values["HEROKU_HOST"].startswith("https://127.0.0.1:")
    names = ("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    assert len({values[name] for name in names}) == 1


def test_a_port_in_use_is_named() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", "0", "--tls-port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode != 0
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr


def test_a_missing_trustme_is_named_with_the_way_to_get_it() -> None:
    hidden = "import sys; sys.modules['trustme'] = None; "
    run = f"sys.argv = ['accelerator', 'local', '--port', '0', '--tls']; {hidden}"
    program = f"import sys; {run} from accelerator.__main__ import main; sys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "trustme is missing: install 'slug-accelerator[tls]'" in done.stderr
