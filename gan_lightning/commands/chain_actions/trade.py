"""``gan-chain list``, ``buy``, ``tip`` and ``withdraw``."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from gan_lightning.chain.units import format_wei, parse_price
from gan_lightning.commands.chain_actions.action import SENDS, Action, Outcome, add_file_modality, add_work
from gan_lightning.commands.chain_actions.lookup import describe_credits, find_token, find_work
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.chain.receipts import Receipt
    from gan_lightning.commands.chain_actions.session import Session


class ListToken(Action):
    name = "list"
    summary = "put a title or a copy that you hold up for sale"
    description = """Put a title or a copy that you hold up for sale.

    gan-chain list 9 --price "2 ether" --account bob
    gan-chain list 9 --no --account bob

A listing ends when the token changes hands, and that of a title also with a new offer.
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        _add_token(parser)
        price = parser.add_mutually_exclusive_group(required=True)
        price.add_argument("--price", type=partial(parse_price, option="--price"), help="price, such as '2 ether'")
        price.add_argument("--no", action="store_true", help="end the sale")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        token, price = find_token(arguments.token, session), arguments.price or 0
        if price == 0 and not arguments.no:
            raise UserError("--price 0: a sale needs a price: list it for 1 wei, or end the sale by --no")

        def report(receipt: Receipt) -> Outcome:
            number = receipt.first("Listed").arguments["number"]
            line = f"token {token} is for sale for {format_wei(price)}, as number {number}" if price else ended
            return Outcome([line], {"token": token, "price": str(price), "number": number or None})

        ended = f"token {token} is not for sale"
        does = f"put token {token} up for sale for {format_wei(price)}" if price else f"end the sale of token {token}"
        return session.send(does, report, "list", token, price)


class Buy(Action):
    name = "buy"
    summary = "buy a title or a copy that is for sale"
    description = """Buy a title or a copy that is for sale, as it is shown now: after any change nothing is bought.

    gan-chain buy 9 --account carol
    gan-chain buy 9 --number 3 --account carol     only as it was listed under this number
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        _add_token(parser)
        parser.add_argument("--number", metavar="N", type=int, help="number of the listing that you saw")
        parser.add_argument("--to", metavar="ACCOUNT", help="account that receives it (the one that pays)")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        token = find_token(arguments.token, session)
        to = session.address(arguments.to, "--to") if arguments.to else session.account

        def report(receipt: Receipt) -> Outcome:
            sold = receipt.first("Sold").arguments
            words, amounts = describe_credits(receipt.events, session)
            line = f"token {token} is held by {session.describe(to)}; credited: {words}"
            values = {"token": token, "work": sold["work"], "seller": sold["seller"], "price": str(sold["price"])}
            return Outcome([line], values | {"holder": to, "credited": amounts})

        def bought(receipt: Receipt) -> bool:
            return any(event.name == "Sold" and event.arguments["token"] == token for event in receipt.events)

        price, number = session.client.read("listings", token)
        if number == 0:
            if outcome := session.resume(bought, report):
                return outcome
            raise UserError(f"token {token}: is not for sale: gan-chain show {token} tells who holds it")
        if arguments.number not in (None, number):
            raise UserError(
                f"--number {arguments.number}: token {token} is listed as {number} now, for {format_wei(price)}"
            )
        does = f"buy token {token} for {session.describe(to)}, listed for {format_wei(price)} as number {number}"
        return session.send(does, report, "buy", token, number, to, value=price)


class Tip(Action):
    name = "tip"
    summary = "pay to a work, for nothing"
    description = """Pay to a work, for nothing: to its parts and payees, as a sale does.

    gan-chain tip 7 "0.01 ether" --account bob
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        add_work(parser)
        parser.add_argument("amount", type=partial(parse_price, option="amount"), help="amount, such as '0.01 ether'")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        work, amount = find_work(arguments.work, session), arguments.amount

        def report(receipt: Receipt) -> Outcome:
            words, amounts = describe_credits(receipt.events, session)
            values = {"work": work.number, "amount": str(amount), "credited": amounts}
            return Outcome([f"tipped work {work.number} {format_wei(amount)}; credited: {words}"], values)

        return session.send(f"tip work {work.number}", report, "tip", work.number, value=amount)


class Withdraw(Action):
    name = "withdraw"
    summary = "pay out what an account has earned"
    description = """Pay out to an account what it has earned; anybody may ask for that.

    gan-chain withdraw --account alice
    gan-chain withdraw bob --account alice
"""
    options = SENDS

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("who", metavar="account", nargs="?", help="account that is paid (the one that acts)")

    def run(self, arguments: argparse.Namespace, session: Session) -> Outcome:
        account = session.address(arguments.who, "account") if arguments.who else session.account
        owed = session.client.read("owed", account)
        who = session.describe(account)
        if owed == 0:
            return Outcome([f"{who} has nothing to withdraw"], {"paid_to": account, "amount": "0"})

        def report(receipt: Receipt) -> Outcome:
            amount = receipt.first("Withdrawn").arguments["amount"]
            return Outcome([f"{who} was paid {format_wei(amount)}"], {"paid_to": account, "amount": str(amount)})

        return session.send(f"pay {format_wei(owed)} out to {who}", report, "withdraw", account)


def _add_token(parser: Parser) -> None:
    parser.add_argument("token", help="number of the title or the copy, or the file of the work whose title it is")
    add_file_modality(parser)
