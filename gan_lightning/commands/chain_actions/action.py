"""The interface of an action of ``gan-chain``, and the options that actions share."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from gan_lightning.chain.units import parse_price
from gan_lightning.commands.options import Parser, add_chain, add_trust_code

if TYPE_CHECKING:
    from gan_lightning.commands.chain_actions.session import Session


@dataclass(frozen=True)
class Outcome:
    """Result of an action.

    Args:
        lines: what happened, in words.
        result: the same as plain values, for ``--json``; amounts are strings, in wei.
        holds: False if what was checked does not hold.
    """

    lines: Sequence[str]
    result: Mapping[str, Any] = field(default_factory=dict)
    holds: bool = True


class Action(ABC):
    """One action of ``gan-chain``.

    Attributes:
        name: the words on the command line, such as ``account new``.
        summary: a few words for the list of all actions.
        description: text of its help, with examples.
        options: functions that add the options it shares with other actions.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    description: ClassVar[str]
    options: ClassVar[Sequence[Callable[[Parser], None]]]

    @abstractmethod
    def add_arguments(self, parser: Parser) -> None:
        """Add the arguments of this action only."""

    @abstractmethod
    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        """Carry out the action; raise UserError if it cannot be done."""


def add_file_modality(parser: Parser) -> None:
    add_trust_code(parser, "package of your own that defines the modality of the file")


def add_work(parser: Parser) -> None:
    parser.add_argument("work", help="number of the work, or its file")
    add_file_modality(parser)


def add_place(parser: Parser) -> None:
    add_chain(parser, "folder or URL of the chain (GAN_CHAIN, or outputs/chain)")


def add_account(parser: Parser) -> None:
    parser.add_argument("--account", metavar="NAME", help="account that acts (GAN_CHAIN_ACCOUNT)")


def add_dry_run(parser: Parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done; send and write nothing")


def add_fees(parser: Parser) -> None:
    parser.add_argument(
        "--max-fee",
        metavar="PRICE",
        type=partial(parse_price, option="--max-fee"),
        help="largest fee for one unit of gas: '20 gwei'",
    )
    parser.add_argument(
        "--confirmations", metavar="N", type=int, default=1, help="blocks after which a transaction is done (1)"
    )


READS = (add_place,)
SENDS = (add_place, add_account, add_fees, add_dry_run)
