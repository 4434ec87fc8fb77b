"""An authority, and the certificates that it signs: for a server on loopback, and for clients."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


class Authority:
    """An authority of its own; ``folder`` has its certificate, ``ca.pem``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"authority of {folder.name}")
        made = self._builder("ca", self._name, self._key)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        signed = made.sign(self._key, SHA256())
        self.certificate.write_bytes(signed.public_bytes(_PEM))

    def issue(self, name: str, host: str = "127.0.0.1") -> Path:
        """Write ``NAME.pem`` and ``NAME.key``, for loopback or the address of another host; returns
        the former."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = [x509.IPAddress(ip_address(host)), x509.DNSName("localhost")]
        made = self._builder(name, _name(name), key)
        made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
        path = self.folder / f"{name}.pem"
        path.write_bytes(made.sign(self._key, SHA256()).public_bytes(_PEM))
        path.with_suffix(".key").touch(0o600)
        path.with_suffix(".key").write_bytes(
            key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return path

    def server_context(self, *, clients: bool = False, host: str = "127.0.0.1") -> ssl.SSLContext:
        """Return a server's context; with ``clients``, it wants a certificate, too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = self.issue("server", host)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context

    def _builder(
        self, serial: str, name: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(serial.encode(), "big"))
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
