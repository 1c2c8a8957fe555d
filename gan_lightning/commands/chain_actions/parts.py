"""Reads the payees and the parts of a work from the command line, and checks what the contract would refuse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gan_lightning.chain.units import WHOLE
from gan_lightning.chain.views import may_use, read_holder
from gan_lightning.chain.works import NOBODY, Payee
from gan_lightning.commands.chain_actions.lookup import find_work
from gan_lightning.commands.chain_actions.session import HOLDER
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.commands.chain_actions.session import Session


def read_payees(arguments: argparse.Namespace, session: Session) -> list[Payee]:
    """Return the payees that ``--payee`` and ``--run`` name; none without these options."""
    payees = [_parse_payee(text, session) for text in arguments.payee]
    if arguments.contributors:
        from gan_lightning.chain.contributors import payees_of_run
        from gan_lightning.provenance import identity

        trusted_roots = identity.load_trusted_roots(arguments.trust_root)
        payees += payees_of_run(arguments.contributors, session.client.chain_id, trusted_roots)
    return payees


def check_parts(texts: Sequence[str], session: Session) -> list[int]:
    """Return the numbers of the works that ``--part`` names.

    Raises:
        UserError: if one is void, its holder has not allowed the account to use it, or the shares of all are too large.
    """
    works = [find_work(text, session) for text in texts]
    for work in works:
        if work.void:
            raise UserError(f"--part {work.number}: was displaced by an older claim: leave it out")
        if not may_use(session.client, work.number, session.account):
            holder = read_holder(session.client, work.number)
            allow = f"gan-chain allow {work.number} {session.account}"
            raise UserError(f"--part {work.number}: {holder}, who holds its title, has not allowed it: {allow}")
    total = sum({work.number: work.share for work in works}.values())
    if total > WHOLE:
        shares = " + ".join(f"{work.share / 100:g}%" for work in works)
        raise UserError(f"--part {' '.join(texts)}: their shares are {shares}, more than 100%: leave one out")
    return [work.number for work in works]


def _parse_payee(text: str, session: Session) -> Payee:
    account, _, units = text.rpartition(":")
    if not account or not units.isdecimal():
        raise UserError(f"--payee {text}: must be an account and its units, such as alice:70")
    if int(units) == 0:
        raise UserError(f"--payee {text}: the units must be at least 1: leave the payee out")
    return Payee(NOBODY if account == HOLDER else session.address(account, "--payee"), int(units))
