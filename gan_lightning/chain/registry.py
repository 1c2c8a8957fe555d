"""Looks files up in the contract: the registry of ``gan-verify --chain``."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gan_lightning.chain.account_statements import verify_account_statement
from gan_lightning.chain.accounts import ACCOUNT_SUFFIX, addresses, checksum_address
from gan_lightning.chain.anchors import anchored_evidence
from gan_lightning.chain.artifacts import artifact_of
from gan_lightning.chain.claims import find_claims
from gan_lightning.chain.client import Client
from gan_lightning.chain.places import Unreachable
from gan_lightning.chain.units import format_time
from gan_lightning.chain.views import Work, read_holder, read_work
from gan_lightning.errors import UserError
from gan_lightning.provenance.contents import Contents
from gan_lightning.provenance.interfaces import Registry
from gan_lightning.provenance.ledger import Ledger
from gan_lightning.provenance.verdicts import Registration

MAX_COPIES = 100  # whose validity is asked for, one request each


class WorksRegistry(Registry):
    """Registry of the works of a contract.

    Args:
        client: client of the contract.
        contents: finds modalities and hashes content.
        trusted: the reason to trust an account, by its address.
        distrusted: the reason why the statement about an account is not trusted, by its address.
        ledger: ledger whose claims are compared with those of the works; None for none.
    """

    def __init__(
        self,
        client: Client,
        contents: Contents,
        trusted: Mapping[str, str],
        distrusted: Mapping[str, str],
        ledger: Ledger | None = None,
    ) -> None:
        self._client, self._contents, self._ledger = client, contents, ledger
        self._trusted, self._distrusted = trusted, distrusted

    def artifact(self, path: Path) -> str:
        return artifact_of(path, self._contents).digest

    def find(self, artifact: str) -> Registration | None:
        work = read_work(self._client, self._client.read("workOf", bytes.fromhex(artifact)))
        if work is None:
            return None
        creator = work.creator
        parts = [
            f"work {work.number} of {creator}",
            f"on record since {format_time(work.since)}",
            f"{'final since' if work.final <= self._client.now() else 'not final before'} {format_time(work.final)}",
            f"title held by {read_holder(self._client, work.number)}",
            *self._describe_history(work.number, artifact),
        ]
        if self._ledger:
            parts.append(self._check_claim(self._ledger, work))
        if creator in self._trusted:
            parts.append(f"the account is trusted: {self._trusted[creator]}")
            distrust = None
        else:
            remedy = self._distrusted.get(creator, "give --account or --account-statement")
            distrust = f"{creator} is not trusted: {remedy}"
        return Registration(work.number, creator, work.since, ", ".join(parts), distrust)

    def _describe_history(self, work: int, artifact: str) -> Iterable[str]:
        """Yield the number of valid copies, and the works that an older claim displaced."""
        try:
            sales = self._client.events("Sold", work=work)
            registrations = self._client.events("Registered", artifact=bytes.fromhex(artifact))
        except Unreachable:
            raise
        except UserError as error:  # many nodes refuse to search more than some thousand blocks
            yield f"copies and displaced works are unknown ({error})"
            return
        copies = {event.arguments["token"] for event in sales} - {work}
        if len(copies) > MAX_COPIES:
            yield f"{len(copies):,} copies"
        else:
            valid = sum(self._client.read("isValid", copy) for copy in copies)
            yield f"{valid} valid {'copy' if valid == 1 else 'copies'}"
        for other in (event.arguments for event in registrations):
            if other["work"] != work:
                yield f"it displaced work {other['work']} of {other['creator']}"

    def _check_claim(self, ledger: Ledger, work: Work) -> str:
        """Return what the proofs in a ledger say about the time of a claim, computed again from its lines."""
        indices = find_claims(ledger, work.artifact, work.creator.lower())
        if not indices:
            return "the ledger does not hold its claim"
        times = {}
        for index in indices:
            try:
                times[index] = self._client.read("since", anchored_evidence(self._client, ledger, index))
            except Unreachable:
                raise
            except UserError:  # no root that covers it is anchored
                continue
        if not times:
            return f"line {indices[0] + 1:,} of the ledger is its claim, but no root that covers it is anchored"
        index = min(times, key=lambda one: times[one])
        if times[index] != work.since:
            return f"but line {index + 1:,} of the ledger was anchored at another time, {format_time(times[index])}"
        return f"its proof was computed again from line {index + 1:,} of the ledger"


def open_registry(
    client: Client,
    contents: Contents,
    accounts: Sequence[str],
    statements: Sequence[Path],
    folders: Iterable[Path],
    trusted_roots: bytes,
    ledger: Ledger | None = None,
) -> WorksRegistry:
    """Return the registry of a contract, with the accounts that the user trusts.

    Args:
        client: client of the contract.
        contents: finds modalities and hashes content.
        accounts: accounts to trust: addresses, or names of stored accounts and of demo accounts.
        statements: account statements; an account is trusted if its statement is signed under a trusted root.
        folders: folders in which to look for further account statements; invalid ones are left out.
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
        ledger: ledger whose claims are compared with those of the works; None for none.

    Raises:
        UserError: if there is no contract or no such account, or if a statement is invalid or about another chain.
    """
    _ = client.read("name")  # raises UserError before the first file if there is no contract
    links = [verify_account_statement(path, trusted_roots) for path in statements]
    for path, link in zip(statements, links, strict=True):
        if link.chain_id != client.chain_id:
            raise UserError(f"{path}: is about chain {link.chain_id}, and --chain is chain {client.chain_id}")
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{ACCOUNT_SUFFIX}"))):
        with suppress(UserError):  # of a stranger who can write there
            links.append(verify_account_statement(path, trusted_roots))
    links = [link for link in links if link.chain_id == client.chain_id]
    trusted = {link.account: f"statement of {link.signer}" for link in links if link.distrust is None}
    trusted |= {_address_of(client, account): "--account" for account in accounts}
    distrusted = {link.account: f"the statement of {link.signer}: {link.distrust}" for link in links if link.distrust}
    return WorksRegistry(client, contents, trusted, distrusted, ledger)


def _address_of(client: Client, account: str) -> str:
    """Return the address of an account by its address or name."""
    if account.startswith("0x"):
        return checksum_address(account)
    known = addresses() | {name: one.address for name, one in client.demo_accounts.items()}
    if account not in known:
        raise UserError(f"--account {account}: no such account (there: {', '.join(known) or 'none'}): give an address")
    return known[account]
