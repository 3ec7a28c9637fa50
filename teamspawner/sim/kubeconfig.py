"""Where an API server is and how to prove who one is: kubeconfig files and certificates."""

from __future__ import annotations

import base64
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Access", "make_certificate", "read_kubeconfig", "write_kubeconfig"]


@dataclass(frozen=True, slots=True)
class Access:
    """An API server and a caller's proof.

    Attributes:
        server: ``https://host:port``.
        ca: PEM of the authority that signed the server's certificate; empty to trust any.
        token: Bearer token; empty with a client certificate.
        certificate: Files of a client certificate and its key, if that is the proof.
    """

    server: str
    ca: str = ""
    token: str = ""
    certificate: tuple[str, str] | None = None

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings of a client."""
        if not self.ca:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context(cadata=self.ca)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Make a self-signed certificate for 127.0.0.1; returns the server's TLS and the PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "teamspawner demo cluster")])
    now = datetime.now(UTC)
    addresses = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
        x509.DNSName("kubernetes.default.svc"),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "apiserver.pem"
    path.touch(mode=0o600)
    path.write_bytes(secret + pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context, pem.decode()


def write_kubeconfig(path: Path, access: Access, namespace: str) -> None:
    """Write a kubeconfig file that only its owner can read."""
    cluster: dict[str, Any] = {"server": access.server}
    if access.ca:
        cluster["certificate-authority-data"] = base64.b64encode(access.ca.encode()).decode()
    else:
        cluster["insecure-skip-tls-verify"] = True
    name = "teamspawner-demo"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": access.token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
        ],
        "current-context": name,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def read_kubeconfig(path: Path) -> Access:
    """Read the current context of a kubeconfig file.

    Raises:
        ValueError: When the file has no usable context; the message says what is missing.
        OSError: When it cannot be read.
    """
    try:
        document = yaml.safe_load(path.read_text())
        context = _named(document, "contexts", document["current-context"])["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"]).get("user") or {}
        server = cluster["server"]
    except (KeyError, TypeError, StopIteration, yaml.YAMLError) as error:
        raise ValueError(f"{path} is no kubeconfig with a current context: {error!r}") from error
    folder = path.parent
    ca = _pem(cluster, "certificate-authority", folder)
    token = user.get("token", "")
    if user.get("tokenFile"):
        token = (folder / user["tokenFile"]).read_text().strip()
    return Access(server, ca, token, _client_certificate(user, folder))


def _named(document: Any, section: str, name: str) -> Any:
    return next(entry for entry in document[section] if entry["name"] == name)


def _pem(part: dict[str, Any], field: str, folder: Path) -> str:
    if part.get(f"{field}-data"):
        return base64.b64decode(part[f"{field}-data"]).decode()
    return (folder / part[field]).read_text() if part.get(field) else ""


def _client_certificate(user: dict[str, Any], folder: Path) -> tuple[str, str] | None:
    """Return the files of a client certificate; data are put into a file."""
    names = ("client-certificate", "client-key")
    if all(user.get(name) for name in names):
        certificate, key = (str(folder / user[name]) for name in names)
        return certificate, key
    if not all(user.get(f"{name}-data") for name in names):
        return None
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.writelines(_pem(user, name, folder) + "\n" for name in names)
    return file.name, file.name
