"""Table of who paid what to whom, from the events of the contract."""

from collections import Counter
from collections.abc import Mapping

from gan_lightning.chain.client import Client
from gan_lightning.chain.units import format_wei
from gan_lightning.tables import markdown


def describe(client: Client, names: Mapping[str, str]) -> tuple[str, bool]:
    """Return a table of all payments and a line about their sums, and True if the sums agree.

    Args:
        client: client of the contract.
        names: names of all accounts by their addresses.
    """
    payments: Counter[tuple[str, str]] = Counter()
    payers = {event.transaction: names[event.arguments["buyer"]] for event in client.events("Sold")}
    payers |= {event.transaction: names[event.arguments["by"]] for event in client.events("Tipped")}
    for event in client.events("Credited"):
        payments[payers[event.transaction], names[event.arguments["account"]]] += event.arguments["amount"]
    prices = sum(event.arguments["price"] for event in client.events("Sold"))
    prices += sum(event.arguments["amount"] for event in client.events("Tipped"))
    withdrawn: Counter[str] = Counter()
    for event in client.events("Withdrawn"):
        withdrawn[names[event.arguments["account"]]] += event.arguments["amount"]

    earned = {to: sum(payments[payer, to] for payer in names.values()) for to in names.values()}
    amounts_by_row = {
        payer: {to: payments[payer, to] for to in names.values()}
        for payer in names.values()
        if payer in payers.values()
    }
    rows = [
        {"paid by": label, **{f"to {to}": _ether(amounts[to]) for to in names.values()}}
        | {"sum": _ether(sum(amounts.values()))}
        for label, amounts in (amounts_by_row | {"**earned**": earned, "**withdrawn**": withdrawn}).items()
    ]
    left = client.balance(client.address or "")
    owed = sum(client.read("owed", address) for address in names)
    agrees = prices == sum(earned.values()) == sum(withdrawn.values()) + left and left == owed
    line = (
        f"All prices and tips: {format_wei(prices)}; earned: {format_wei(sum(earned.values()))}; withdrawn: "
        f"{format_wei(sum(withdrawn.values()))}; left in the contract: {format_wei(left)}: the sums "
        f"{'agree' if agrees else 'disagree'}."
    )
    return f"{markdown(list(rows[0]), rows)}\n\n{line}", agrees


def _ether(wei: int) -> str:
    return format_wei(wei).removesuffix(" ether") if wei else ""
