"""Account statements: an identity and an account say of each other that they belong to the same signer.

The identity signs the statement, which holds a signature of the account (EIP-191) over the identity's certificate. The
account is named as in CAIP-10, ``eip155:<chain>:0x…``.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gan_lightning.chain.accounts import checksum_address
from gan_lightning.errors import UserError, missing_extra
from gan_lightning.provenance.envelope import InvalidDocument
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.statement_reader import open_statement
from gan_lightning.provenance.statements import Subject, write_statement

if TYPE_CHECKING:  # needs an extra
    from eth_account.signers.local import LocalAccount

ACCOUNT = "urn:gan-lightning:account:v1"
_NAME = re.compile(r"eip155:([1-9][0-9]{0,18}):(0x[0-9a-f]{40})", re.ASCII)


@dataclass(frozen=True)
class AccountLink:
    """Account of a signer, by a statement that both have signed.

    Args:
        account: address of the account.
        chain_id: number of the chain.
        signer: names in the certificate of the identity.
        distrust: the reason why the certificate is not trusted; None if it leads to a trusted root.
        certificate: SHA-256 of the certificate of the identity, hexadecimal.
    """

    account: str
    chain_id: int
    signer: str
    distrust: str | None
    certificate: str


def attest_account(identity: Identity, account: "LocalAccount", chain_id: int, path: Path) -> Path:
    """Write a statement that links an account with an identity; return its path.

    Args:
        identity: identity that signs the statement.
        account: account that signs the fingerprint of the identity's certificate.
        chain_id: number of the chain.
        path: file to write, which should end in ``.intoto.json``.
    """
    name = f"eip155:{chain_id}:{account.address.lower()}"
    signed = account.sign_message(_message(name, identity.certificate))
    subject = Subject(name=name, digest={"sha256": hashlib.sha256(name.encode()).hexdigest()})
    return write_statement(identity, [subject], ACCOUNT, {"signature": signed.signature.hex()}, path)


def verify_account_statement(path: Path, trusted_roots: bytes) -> AccountLink:
    """Verify both signatures of an account statement and return the link.

    Args:
        path: the statement.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.

    Raises:
        UserError: if the file cannot be read, is another document, or a signature does not match.
    """
    try:
        signature, statement = open_statement(path, trusted_roots)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except InvalidDocument as error:
        raise UserError(f"{path}: is no account statement: {error}") from error
    match = _NAME.fullmatch(statement["subject"][0]["name"]) if len(statement["subject"]) == 1 else None
    if statement["predicateType"] != ACCOUNT or match is None:
        raise UserError(f"{path}: is no account statement: gan-chain account link writes one")
    if _recover(_message(match[0], signature.certificate), statement["predicate"].get("signature")) != match[2]:
        raise UserError(f"{path}: the account {match[2]} has not signed this certificate: the link is not valid")
    return AccountLink(
        checksum_address(match[2]),
        int(match[1]),
        signature.signer,
        signature.distrust,
        signature.certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _message(name: str, certificate: x509.Certificate) -> Any:
    """Return the message that the account signs: wallets show it as text."""
    try:
        from eth_account.messages import encode_defunct
    except ImportError as error:
        raise missing_extra("account statements", "chain") from error
    digest = certificate.fingerprint(hashes.SHA256()).hex()
    return encode_defunct(text=f"{name} belongs to the signer of the certificate with SHA-256 {digest}")


def _recover(message: Any, signature: Any) -> str | None:
    """Return the address, lower case, whose key has signed a message; None for a malformed signature."""
    from eth_account import Account
    from eth_keys.exceptions import BadSignature, ValidationError

    try:
        return str(Account.recover_message(message, signature=bytes.fromhex(signature))).lower()
    except (BadSignature, ValidationError, ValueError, TypeError):
        return None
