"""``gan-chain account``: makes, imports, lists and links accounts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.chain import accounts
from gan_lightning.chain.units import format_rounded
from gan_lightning.commands.chain_actions.action import READS, Action, Outcome, add_dry_run, add_place
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.commands.chain_actions.session import Session


PASSWORD = """
The password is asked for, or read from the file that GAN_CHAIN_PASSWORD_FILE names.
"""


class NewAccount(Action):
    name = "account new"
    summary = "make an account"
    description = f"""Make an account: a random key in a file that a password opens.

    gan-chain account new jane
{PASSWORD}"""
    options = (add_dry_run,)

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("name", help="name of the account: letters, digits, - and _")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        if session.dry_run:
            return Outcome([f"dry run: would make {accounts.folder() / arguments.name}.json"])
        address = accounts.create(arguments.name, accounts.read_password(arguments.name, confirm=True))
        return _stored(arguments.name, address)


class ImportAccount(Action):
    name = "account import"
    summary = "store a key that you have"
    description = f"""Store a key as an account: a keystore file, or a file with a private key in hexadecimal.

    gan-chain account import jane keystore.json
{PASSWORD}A keystore file is opened by the same password.
"""
    options = (add_dry_run,)

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("name", help="name of the account: letters, digits, - and _")
        parser.add_argument("file", type=Path, help="file with the key")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        if not arguments.file.is_file():
            raise UserError(f"{arguments.file}: no such file: give a keystore file or a file with a private key")
        if session.dry_run:
            return Outcome([f"dry run: would make {accounts.folder() / arguments.name}.json"])
        password = accounts.read_password(arguments.name)
        return _stored(arguments.name, accounts.import_key(arguments.name, arguments.file, password))


class ListAccounts(Action):
    name = "account list"
    summary = "list accounts and what they have"
    description = """List the accounts that are stored here and those of an embedded chain, with what they have.

    gan-chain account list --chain outputs/chain
"""
    options = READS

    def add_arguments(self, parser: Parser) -> None: ...

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        if arguments.chain and not session.has_chain:
            _ = session.client  # raises the error
        balances = {
            name: session.client.balance(one) if session.has_chain else None for name, one in session.names.items()
        }
        result = [
            {"name": name, "address": address, "balance": None if balances[name] is None else str(balances[name])}
            for name, address in session.names.items()
        ]
        lines = [
            f"{name}: {address}" + ("" if (balance := balances[name]) is None else f", {format_rounded(balance, 8)}")
            for name, address in session.names.items()
        ]
        return Outcome(lines or ["no accounts: gan-chain account new NAME"], {"accounts": result})


class LinkAccount(Action):
    name = "account link"
    summary = "state that an account is yours"
    description = f"""Write a statement that an account and your identity belong together; both sign it.

    gan-chain account link jane

Put it beside a checkpoint to which you contributed: register --run pays you then.
{PASSWORD}"""
    options = (add_place, add_dry_run)

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("account", metavar="name", help="name of the account")
        parser.add_argument("--output", type=Path, help=f"new file to write (NAME{accounts.ACCOUNT_SUFFIX})")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        from gan_lightning.chain.account_statements import attest_account
        from gan_lightning.provenance import load_signer

        identity = load_signer("gan-chain account link")
        path = arguments.output or Path(f"{arguments.account}{accounts.ACCOUNT_SUFFIX}")
        chain_id, address = session.client.chain_id, session.account
        if path.exists():
            raise UserError(f"--output {path}: exists already: choose another name")
        result = {"address": address, "chain_id": chain_id, "statement": str(path), "identity": str(identity)}
        if session.dry_run:
            return Outcome([f"dry run: would write {path}: {address} on chain {chain_id} belongs to {identity}"])
        attest_account(identity, session.signer, chain_id, path)
        return Outcome([f"{path}: {address} on chain {chain_id} belongs to {identity}"], result)


def _stored(name: str, address: str) -> Outcome:
    path = accounts.folder() / f"{name}.json"
    return Outcome([f"{name}: {address}, in {path}"], {"name": name, "address": address, "file": str(path)})
