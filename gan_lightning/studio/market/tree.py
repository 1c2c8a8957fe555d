"""Tree of a work and its parts: what each would be paid of a sale."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from gan_lightning.chain.units import WHOLE
from gan_lightning.chain.views import Work
from gan_lightning.chain.works import NOBODY, Payee


def divide(
    work: Work,
    works: Mapping[int, Work],
    holders: Mapping[int, str],
    describe: Callable[[Work], Mapping[str, Any]],
    flow: Fraction = Fraction(1),
    share: int | None = None,
) -> dict[str, Any]:
    """Return the tree of a work and its parts with percentages of a sale of the root, as the contract divides it.

    A part is paid its share of what reaches the work above it, and the payees of that work divide the rest by their
    units. The share of a displaced part stays in the rest. The contract also rounds down to whole wei.

    Args:
        work: the work at the root.
        works: all works by their numbers.
        holders: holders of titles by the numbers of the works.
        describe: returns further fields of a node.
        flow: part of the sale that reaches the work.
        share: share that the work asks of the one above it, in basis points; None at the root.
    """
    parts, rest = [], flow
    for number in work.parts:
        part = works[number]
        due = Fraction(0) if part.void else flow * part.share / WHOLE
        rest -= due
        parts.append(divide(part, works, holders, describe, due, part.share))
    units = sum(payee.units for payee in work.payees)
    payees = [
        describe_payee(payee, holders.get(work.number)) | {"percent": _percent(rest * payee.units / units)}
        for payee in work.payees
    ]
    return {
        "number": work.number,
        **describe(work),
        "void": work.void,
        "share": None if share is None else share / 100,
        "flow": _percent(flow),
        "keeps": _percent(rest),
        "payees": payees,
        "parts": parts,
    }


def describe_payee(payee: Payee, holder: str | None) -> dict[str, Any]:
    """Return a payee as the page shows it.

    Args:
        payee: the payee.
        holder: account that holds the title of the work.
    """
    is_holder = payee.account == NOBODY
    return {"account": holder if is_holder else payee.account, "units": str(payee.units), "holder": is_holder}


def _percent(part: Fraction) -> float:
    return round(float(100 * part), 6)
