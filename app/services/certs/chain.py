"""Keys, requests and chains of certificates as PEM: made, read, and held against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from app.errors import PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The first certificate of a chain. `serial` is in hex, `issuer` for people."""

    names: tuple[str, ...]
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime


def new_key() -> str:
    """A new private key on the curve P-256, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def request_for(names: Sequence[str], key: str) -> bytes:
    """A signing request for the names (RFC 2986), as PEM."""
    signer = load_pem_private_key(key.encode(), None)
    wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.add_extension(wanted, critical=True).sign(signer, SHA256())  # type: ignore[arg-type]  # ours is EC
    return signed.public_bytes(Encoding.PEM)


def read_chain(chain: str) -> Certificate:
    """What the first certificate says. PermanentError `certificate_unfit` when there is none."""
    try:
        first = x509.load_pem_x509_certificates(chain.encode())[0]
        names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise _unfit(f"What the authority sent is no certificate for names: {error}.") from error
    said = [
        first.issuer.get_attributes_for_oid(oid) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    ]
    return Certificate(
        names=tuple(sorted(names.get_values_for_type(x509.DNSName))),
        issuer=" ".join(str(each[0].value) for each in said if each),
        serial=f"{first.serial_number:x}",
        not_before=first.not_valid_before_utc,
        not_after=first.not_valid_after_utc,
    )


def checked_chain(chain: str, key: str, names: Sequence[str]) -> Certificate:
    """The same, if it is for this key and these names. PermanentError `certificate_unfit`."""
    found = read_chain(chain)
    public = x509.load_pem_x509_certificates(chain.encode())[0].public_key()
    ours = load_pem_private_key(key.encode(), None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != ours.public_bytes(*form):
        raise _unfit("The certificate is for another key than the one that was made for it.")
    if missing := set(names) - set(found.names):
        raise _unfit(f"The certificate is not for {', '.join(sorted(missing))}.")
    return found


def _unfit(message: str) -> PermanentError:
    return PermanentError("certificate_unfit", message, "It is ordered anew. See who answers ACME_DIRECTORY.")
