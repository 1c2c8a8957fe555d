"""Reads prices, percentages, durations and times as users write them."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from gan_lightning.errors import UserError

WEI = {"wei": 1, "gwei": 10**9, "ether": 10**18}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
WHOLE = 10_000  # 100 % in basis points, the unit of the contract
LAST_TIME = 253_402_300_799  # that Python's calendar knows, in seconds since 1970
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z%]+)", re.ASCII)


def parse_price(text: str, option: str = "--price") -> int:
    """Return a price such as ``0.5 ether``, ``20 gwei`` or ``7 wei`` in wei; ``0`` needs no unit.

    Raises:
        UserError: if it is no number with one of these units, or not a whole number of wei.
    """
    if text.strip() == "0":
        return 0
    amount, unit = _split(text, f"{option} {text!r}: must be a number and a unit, such as '0.5 ether' or '20 gwei'")
    if unit.lower() not in WEI:
        raise UserError(f"{option} {text!r}: the unit {unit!r} is unknown: use ether, gwei or wei")
    wei = amount * WEI[unit.lower()]
    if wei != int(wei):
        raise UserError(f"{option} {text!r}: must be a whole number of wei (1 ether = 10^18 wei): drop some digits")
    if wei >= 2**96:
        raise UserError(f"{option} {text!r}: is larger than the contract can store: use less than {2**96} wei")
    return int(wei)


def parse_percentage(text: str, option: str) -> int:
    """Return a percentage such as ``5%`` or ``2.5 %`` in basis points, 0 to 10,000.

    Raises:
        UserError: if it is no percentage from 0 to 100 with at most two decimals.
    """
    amount, unit = _split(text, f"{option} {text!r}: must be a percentage, such as '5%'")
    points = amount * 100
    if unit != "%":
        raise UserError(f"{option} {text!r}: must be a percentage, such as '5%'")
    if points > WHOLE:
        raise UserError(f"{option} {text!r}: must be at most 100%")
    if points != int(points):
        raise UserError(f"{option} {text!r}: must have at most two decimals")
    return int(points)


def parse_duration(text: str, option: str = "--term") -> int:
    """Return a duration such as ``30d``, ``12h`` or ``90s`` in seconds; the units are s, m, h, d, w and y (365 days).

    Raises:
        UserError: if it is no positive number with one of these units, or longer than 2^32 seconds.
    """
    message = f"{option} {text!r}: must be a number and a unit, such as '30d', '12h' or '90s'"
    amount, unit = _split(text, message)
    seconds = amount * SECONDS.get(unit, 0)
    if seconds < 1 or seconds != int(seconds):
        raise UserError(message)
    if seconds >= 2**32:
        raise UserError(f"{option} {text!r}: must be less than 136 years: leave it out for no end")
    return int(seconds)


def parse_time(text: str, option: str = "--until") -> int:
    """Return a date such as ``2027-01-31`` or a time such as ``2027-01-31T12:00`` as seconds since 1970.

    Dates are their first second. Times without a zone are UTC.

    Raises:
        UserError: if it is neither.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(
            f"{option} {text!r}: must be a date or a time, such as 2027-01-31 or 2027-01-31T12:00"
        ) from error
    seconds = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    if not 0 < seconds < 2**48:
        raise UserError(f"{option} {text!r}: must be after 1970")
    return seconds


def format_wei(wei: int) -> str:
    """Return an amount with the largest unit that needs few digits: ``0.5 ether``, ``20 gwei``, ``7 wei``."""
    unit = "ether" if wei % 10**9 == 0 and wei >= 10**14 else "gwei" if wei >= 10**6 else "wei"
    amount = f"{Decimal(wei) / WEI[unit]:f}"
    return f"{amount.rstrip('0').rstrip('.') if '.' in amount else amount} {unit}"


def format_rounded(wei: int, digits: int = 4) -> str:
    """Return an amount in ether rounded to that many digits, such as ``0.0006208 ether``; in gwei if it is tiny."""
    unit = "ether" if wei >= 10**12 or wei == 0 else "gwei"
    return f"{Decimal(f'{Decimal(wei) / WEI[unit]:.{digits}g}'):f} {unit}"


def format_time(seconds: int) -> str:
    """Return seconds since 1970 as a time in UTC; ``no end`` for 0."""
    if seconds > LAST_TIME:
        return "after the year 9999"  # the contract stores any number
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else "no end"


def _split(text: str, message: str) -> tuple[Decimal, str]:
    """Return the number and the unit of a quantity; raise UserError with the message for other texts."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or len(text) > 100:
        raise UserError(message)
    return Decimal(match[1]), match[2]
