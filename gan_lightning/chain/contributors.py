"""Contributors to a run as payees: statements about what they gave, and about the accounts they have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes

from gan_lightning.chain.account_statements import AccountLink, verify_account_statement
from gan_lightning.chain.accounts import ACCOUNT_SUFFIX
from gan_lightning.chain.works import Payee
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.paths import LAST_CHECKPOINT, STATEMENT_SUFFIX
from gan_lightning.provenance.envelope import InvalidDocument
from gan_lightning.provenance.statement_reader import open_statement
from gan_lightning.provenance.statements import CONTRIBUTION


@dataclass
class Contributor:
    """Signer of contributions to a run.

    Args:
        signer: names in the certificate.
        units: units of all contributions.
    """

    signer: str
    units: int = 0


def payees_of_run(run: Path, chain_id: int, trusted_roots: bytes) -> list[Payee]:
    """Return the contributors to a run as payees, by the units that their statements name, 1 each without units.

    The account of a contributor is that of the account statement in the same folder that has the same certificate.

    Args:
        run: folder of the run, or a file in its ``checkpoints/``.
        chain_id: number of the chain that the accounts are for.
        trusted_roots: certificates of the roots to trust, PEM.

    Raises:
        UserError: if there is no contribution, a statement is not valid, its signer is not trusted, or a contributor
            has no account.
    """
    folder = run / LAST_CHECKPOINT.parent if (run / LAST_CHECKPOINT.parent).is_dir() else run
    folder = folder if folder.is_dir() else folder.parent
    contributors: dict[str, Contributor] = {}
    for path in sorted(folder.glob(f"*.contribution-*{STATEMENT_SUFFIX}")):
        certificate, signer, units = _read_contribution(path, trusted_roots)
        contributors.setdefault(certificate, Contributor(signer)).units += units
    if not contributors:
        raise UserError(f"--run {run}: no contributions in {folder}: gan-statement contribution writes them")
    links = _read_links(folder, chain_id, trusted_roots)
    missing = [one.signer for certificate, one in contributors.items() if certificate not in links]
    if missing:
        raise UserError(
            f"--run {run}: {len(missing)} of {len(contributors)} contributors have no account on chain {chain_id}: "
            f"{'; '.join(missing)}: they run gan-chain account link, and the statement belongs into {folder}"
        )
    return [Payee(links[certificate].account, one.units) for certificate, one in contributors.items()]


def _read_contribution(path: Path, trusted_roots: bytes) -> tuple[str, str, int]:
    """Return the SHA-256 of the signer's certificate, the signer, and the units of a contribution."""
    try:
        signature, statement = open_statement(path, trusted_roots)
        (subject,) = statement["subject"]
        file = path.with_name(Path(subject["name"]).name)
        about_it = file.is_file() and subject["digest"].get("sha256") == file_digest(file)
    except (OSError, ValueError, InvalidDocument) as error:
        raise UserError(f"{path}: is no valid statement ({error}): remove it, or ask its signer again") from error
    if statement["predicateType"] != CONTRIBUTION or not about_it:
        raise UserError(f"{path}: is not about {file} as it is now: its signer runs gan-statement contribution again")
    if signature.distrust:
        raise UserError(f"{path}: by {signature.signer}: {signature.distrust}: trust their root by --trust-root")
    contribution: Any = statement["predicate"].get("contribution")
    units = contribution.get("units", 1) if isinstance(contribution, dict) else None
    if type(units) is not int or units < 1:
        raise UserError(f"{path}: its units are {units!r}: must be a whole number from 1: ask its signer for another")
    return signature.certificate.fingerprint(hashes.SHA256()).hex(), signature.signer, units


def _read_links(folder: Path, chain_id: int, trusted_roots: bytes) -> dict[str, AccountLink]:
    """Return the links of accounts on a chain by the SHA-256 of their certificates."""
    links = [verify_account_statement(path, trusted_roots) for path in sorted(folder.glob(f"*{ACCOUNT_SUFFIX}"))]
    return {link.certificate: link for link in links if link.chain_id == chain_id}
