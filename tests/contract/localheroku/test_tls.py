"""The second door: TLS under a certificate authority of the platform's own."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accelerator.localheroku import certificates
from accelerator.localheroku.server import LocalHeroku, listen
from tests.ports import free_port

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


def test_a_stolen_authority_could_vouch_for_no_name_beyond_loopback(tmp_path: Path) -> None:
    key, stolen = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificates._authority(stolen, certificates._PERMITTED)

    def problem_with(name: str) -> str | None:
        leaf = certificates._leaf(key.public_key(), authority, stolen, (name,))
        return _problem(authority, leaf, key, tmp_path, name)

    assert [problem_with(name) for name in ("localhost", "shop.localhost", "127.0.0.1")] == [
        None
    ] * 3
    for name in ("api.heroku.com", "localhost.evil.example", "10.0.0.1"):
        assert "permitted subtree violation" in str(problem_with(name))


def test_both_certificates_end_within_weeks_and_name_loopback_only(tmp_path: Path) -> None:
    made = certificates.issue(tmp_path)

    for path in (made.authority, made.server):
        certificate = x509.load_pem_x509_certificate(_certificate_in(path))
        assert certificate.not_valid_after_utc - datetime.now(UTC) < timedelta(weeks=5)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert b"PRIVATE KEY" not in made.authority.read_bytes()


def test_a_name_that_was_told_is_vouched_for_and_answered_to() -> None:
    with LocalHeroku(tls_port=0, names=["heroku.test"]) as platform:
        port = int(str(platform.tls_url).rpartition(":")[2])
        context = ssl.create_default_context(cafile=platform.ca_file)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="heroku.test") as secure,
        ):
            secure.sendall(b"GET /buildpacks HTTP/1.1\r\nHost: heroku.test\r\n\r\n")

            assert secure.recv(100).startswith(b"HTTP/1.1 200")


def _certificate_in(path: Path) -> bytes:
    return path.read_bytes()[path.read_bytes().index(b"-----BEGIN CERTIFICATE") :]


def _problem(
    authority: x509.Certificate,
    leaf: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    folder: Path,
    name: str,
) -> str | None:
    """Shake hands in memory, as strictly as Python can; return what the client has against it."""
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + leaf.public_bytes(pem))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "server.pem")
    asking = ssl.create_default_context(cadata=authority.public_bytes(pem).decode())
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(back, there, server_hostname=name)
    server = serving.wrap_bio(there, back, server_side=True)
    try:
        for side in (client, server, client):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_message
    return None


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


def test_without_tls_the_api_has_one_address_and_apps_have_an_authority() -> None:
    with LocalHeroku() as platform:
        assert platform.tls_url is None
        assert platform.ca_file is not None


def test_an_app_answers_tls_at_its_own_address_under_the_same_authority(
    platform: LocalHeroku,
) -> None:
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {platform.api_key}"}
    with requests.Session() as session:
        session.trust_env = False
        app = session.post(f"{platform.url}/apps", headers=headers, timeout=60).json()
        secure = app["web_url"].replace("http://", "https://")

        answer = session.get(secure, verify=str(platform.ca_file), timeout=60)

    assert app["web_url"].startswith("http://127.0.0.1:")
    assert (answer.status_code, "Application error" in answer.text) == (503, True)


def test_without_cryptography_the_platform_starts_and_tls_is_refused_at_once() -> None:
    hidden = "import sys; sys.modules['cryptography'] = None; "
    run = f"sys.argv = ['accelerator', 'local', '--port', '0', '--json']; {hidden}"
    program = f"import sys; {run} from accelerator.__main__ import main; sys.exit(main())"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {said['api_key']}"}
        with requests.Session() as session:
            session.trust_env = False
            app = session.post(f"{said['url']}/apps", headers=headers, timeout=60).json()
            with pytest.raises(requests.exceptions.SSLError, match=r"(?i)handshake.failure"):
                session.get(app["web_url"].replace("http://", "https://"), timeout=60)
        process.terminate()

    assert said["ca_file"] is None


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
    port = free_port()

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


def test_a_missing_extra_is_named_with_the_way_to_get_it() -> None:
    hidden = "import sys; sys.modules['cryptography'] = None; "
    run = f"sys.argv = ['accelerator', 'local', '--port', '0', '--tls']; {hidden}"
    program = f"import sys; {run} from accelerator.__main__ import main; sys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "cryptography is not installed; it belongs to the extra [local]" in done.stderr
