"""Certificates for the tests' own servers, which nobody else trusts."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM


def make_certificates(folder):
    """Files in a folder of this name: `authority.pem`; signed by it `server.pem` and `server.key` for
    localhost, and `client.pem` and `client.key`, which is in `locked.key` under a password; `other.pem`,
    an authority that has signed none of them, and `stranger.pem` and `stranger.key`, which it has."""
    os.makedirs(folder)
    authority, other = _authority("authority"), _authority("other")
    for name, (certificate, _) in (("authority", authority), ("other", other)):
        _write(folder, f"{name}.pem", certificate.public_bytes(PEM))
    for name, host, issuer in (
            ("server", "localhost", authority), ("client", "career", authority),
            ("stranger", "stranger", other)):
        certificate, key = _certificate(host, issuer)
        _write(folder, f"{name}.pem", certificate.public_bytes(PEM))
        _write(folder, f"{name}.key", _pem(key, serialization.NoEncryption()))
        if name == "client":
            _write(folder, "locked.key", _pem(
                key, serialization.BestAvailableEncryption(b"password")))


def _pem(key, encryption):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)


def _write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        # PostgreSQL refuses a key that others may read.
        os.chmod(file.fileno(), 0o600)
        file.write(content)


def _authority(name):
    return _certificate(name, None)


def _certificate(name, issuer):
    """A certificate and its key; without an issuer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer[1] if issuer else key, hashes.SHA256()))
    return certificate, key
