"""``gan-chain revoke`` and ``burn``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gan_lightning.commands.chain_actions.action import SENDS, Action, Outcome
from gan_lightning.commands.options import Parser

if TYPE_CHECKING:
    from gan_lightning.commands.chain_actions.session import Session


class Revoke(Action):
    name = "revoke"
    summary = "end a copy whose terms let you"
    description = """End a copy of a work whose title you hold, if it was offered with --revocable.

    gan-chain revoke 9 --account alice
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("copy", type=int, help="number of the copy")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        copy = arguments.copy
        outcome = Outcome([f"copy {copy} is revoked: it is not valid any more"], {"copy": copy})
        return session.send(f"revoke copy {copy}", lambda _: outcome, "revoke", copy)


class Burn(Action):
    name = "burn"
    summary = "destroy a copy of yours, or a token that has ended"
    description = """Destroy a copy that you hold, or any token that has ended or was displaced. Files stay.

    gan-chain burn 9 --account bob
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("token", type=int, help="number of the title or the copy")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        token = arguments.token
        outcome = Outcome([f"token {token} is destroyed"], {"token": token})
        return session.send(f"destroy token {token}", lambda _: outcome, "burn", token)
