"""``gan-chain``: registers works on a chain, and sells, lends and checks them."""

from typing import Any

from gan_lightning.commands.chain_actions.accounts import ImportAccount, LinkAccount, ListAccounts, NewAccount
from gan_lightning.commands.chain_actions.action import Action
from gan_lightning.commands.chain_actions.collect import Collect
from gan_lightning.commands.chain_actions.ledgers import Anchor, Check, Claim
from gan_lightning.commands.chain_actions.offers import Allow, Close, MakeOffer
from gan_lightning.commands.chain_actions.registration import Deploy, Register
from gan_lightning.commands.chain_actions.session import Session
from gan_lightning.commands.chain_actions.show import Show
from gan_lightning.commands.chain_actions.tokens import Burn, Revoke
from gan_lightning.commands.chain_actions.trade import Buy, ListToken, Tip, Withdraw
from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.errors import missing_extra
from gan_lightning.system import interrupts

HELP = """Register works on a chain, and sell, lend and check them.

    gan-chain deploy                                                   an embedded chain in outputs/chain
    gan-chain claim 7.png --ledger outputs/ledger --account alice
    gan-chain anchor outputs/ledger --account alice
    gan-chain register 7.png --ledger outputs/ledger --account alice --price "0.1 ether" --editions 10
    gan-chain collect 7.png --account bob
    gan-chain show 7.png

An embedded chain has the accounts alice, bob and carol with play money, and proves nothing to others. For a public
chain, give the URL of a node and an account of your own: gan-chain account new.

A work is named by its number or by its file. Amounts are such as '0.1 ether' or '20 gwei'; with --json they are
strings, in wei.

Exit code 0: done; 1: unknown to the chain, or a check does not hold; 2: an error, and nothing was done.
"""
ACTIONS: tuple[Action, ...] = (
    NewAccount(),
    ImportAccount(),
    ListAccounts(),
    LinkAccount(),
    Deploy(),
    Claim(),
    Anchor(),
    Register(),
    MakeOffer(),
    Close(),
    Allow(),
    Collect(),
    ListToken(),
    Buy(),
    Tip(),
    Withdraw(),
    Revoke(),
    Burn(),
    Show(),
    Check(),
)


@command
def main() -> None:
    arguments = _build_parser().parse_args()
    interrupts.raise_on_signals()
    session = Session(arguments)
    try:
        outcome = arguments.run.run(arguments, session)
    except ImportError as error:
        raise missing_extra("gan-chain", "chain,provenance") from error
    session.tell(outcome)
    raise SystemExit(not outcome.holds)


def _build_parser() -> Parser:
    parser = Parser(prog="gan-chain", description=HELP)
    groups: dict[str, Any] = {"": parser.add_subparsers(required=True, metavar="ACTION")}
    for action in ACTIONS:
        group, _, name = action.name.rpartition(" ")
        if group not in groups:
            names = [one.name.rpartition(" ")[2] for one in ACTIONS if one.name.startswith(f"{group} ")]
            parent = groups[""].add_parser(group, help="|".join(names), description=f"{group.capitalize()}s.")
            groups[group] = parent.add_subparsers(required=True, metavar="|".join(names))
        _add_action(groups[group].add_parser(name, help=action.summary, description=action.description), action)
    return parser


def _add_action(parser: Parser, action: Action) -> None:
    action.add_arguments(parser)
    for add_options in action.options:
        add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.set_defaults(run=action)


if __name__ == "__main__":
    main()
