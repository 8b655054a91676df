"""Certificates for servers on this machine, by an authority that nobody else believes."""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificates() -> tuple[bytes, bytes, bytes]:
    """An authority's certificate, one by it for this machine's loopback, and the key of the latter; all in PEM."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Regard's tests")])
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

    def certificate(public: ec.EllipticCurvePublicKey, subject: x509.Name, extension: x509.ExtensionType) -> bytes:
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder(name, subject, public, x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    authority = certificate(authority_key.public_key(), name, x509.BasicConstraints(ca=True, path_length=0))
    server = certificate(key.public_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), loopback)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return authority, server, private
