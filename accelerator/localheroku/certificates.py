"""A certificate authority of this machine alone, for the platform's TLS port.

Who trusts it trusts it for little: it may vouch for the names of loopback only, and for those the
platform was told, for a few weeks. Its key is never written down. Imported where TLS is asked for:
cryptography is an extra.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAMES = ("localhost", "127.0.0.1", "::1")
LASTS = timedelta(weeks=4)
# A name stands for those below it as well.
_PERMITTED = ("localhost", "127.0.0.0/8", "::1/128")
_CLOCKS_DIFFER = timedelta(hours=1)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Certificates:
    """Files in PEM form: the authority clients have to trust, and the server's key and chain."""

    authority: Path
    server: Path


def issue(directory: Path, names: Iterable[str] = ()) -> Certificates:
    """Make an authority and a certificate for loopback and `names`; write both into `directory`.

    The authority's own key is not kept, so nothing else can ever be signed with it.
    """
    told = tuple(names)
    signing, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(signing, (*_PERMITTED, *told))
    leaf = _leaf(key.public_key(), authority, signing, (*NAMES, *told))
    secret = key.private_bytes(
        _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = Certificates(directory / "ca.pem", directory / "server.pem")
    _write(made.authority, authority.public_bytes(_PEM))
    _write(made.server, secret + leaf.public_bytes(_PEM))
    return made


def _authority(key: ec.EllipticCurvePrivateKey, permitted: Iterable[str]) -> x509.Certificate:
    subject = _subject("The local platform of accelerator, for this machine only")
    names = x509.NameConstraints([_permitted(name) for name in permitted], None)
    return (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(names, critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    signing: ec.EllipticCurvePrivateKey,
    names: Iterable[str],
) -> x509.Certificate:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    return (
        _builder(_subject("accelerator local"), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(purpose, critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(issuer, critical=False)
        .sign(signing, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _permitted(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
