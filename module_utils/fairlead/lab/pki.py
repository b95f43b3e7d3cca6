"""A small certificate authority for the lab: EC keys, because an RSA handshake is slow on an emulated node."""
from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 365
USAGES = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption()).decode()


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def self_signed(name: str) -> tuple[str, str]:
    """A new authority: (certificate, key) in PEM."""
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
        x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                      key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                      decipher_only=False), critical=True).add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _pem(builder.sign(key, hashes.SHA256())), key_text(key)


def issue(spec: dict[str, Any], ca_certificate: str, ca_key: str) -> tuple[str, str]:
    """A certificate for {"common_name", "organization", "usages", "sans"}: (certificate, key) in PEM."""
    authority = x509.load_pem_x509_certificate(ca_certificate.encode())
    signer = serialization.load_pem_private_key(ca_key.encode(), password=None)
    key = new_key()
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, spec["common_name"])]
    if spec.get("organization"):
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, spec["organization"]))
    builder = _builder(x509.Name(attributes), authority.subject, key.public_key()).add_extension(
        x509.ExtendedKeyUsage([USAGES[usage] for usage in spec["usages"]]), critical=False).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    if spec.get("sans"):
        names = x509.SubjectAlternativeName([_san(text) for text in spec["sans"]])
        builder = builder.add_extension(names, critical=False)
    return _pem(builder.sign(signer, hashes.SHA256())), key_text(key)


def fits(certificate: str, spec: dict[str, Any], ca_certificate: str) -> bool:
    """Whether an existing certificate is by this authority, for this subject and names, and valid for another day."""
    have, authority = (x509.load_pem_x509_certificate(text.encode()) for text in (certificate, ca_certificate))
    try:
        have.verify_directly_issued_by(authority)
        sans = have.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        sans = []
    except Exception:  # noqa: BLE001  (InvalidSignature, ValueError, TypeError: it is not by this authority)
        return False
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    name = have.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return name == spec["common_name"] and have.not_valid_after_utc > soon and (
        set(sans) == {_san(text) for text in spec.get("sans") or []})


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _builder(subject: x509.Name, issuer: x509.Name, public_key: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS)))


def _san(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
