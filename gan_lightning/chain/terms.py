"""Describes the terms of offers in words."""

from gan_lightning.chain.units import format_time, format_wei
from gan_lightning.chain.works import EVERY_EDITION, NO_DIGEST, UNLIMITED, Offer


def describe_terms(offer: Offer) -> str:
    """Return the terms of an offer in words."""
    terms = [format_wei(offer.price) if offer.price else "a gift"]
    terms += [f"valid from {format_time(offer.start)}"] if offer.start else []
    terms += [f"for {format_duration(offer.term)}"] if offer.term else []
    terms += [f"until {format_time(offer.until)}"] if offer.until else []
    terms += [f"{offer.hands} hands"] if offer.hands != UNLIMITED else []
    terms += ["revocable"] if offer.revocable else []
    terms += [f"licence {offer.licence.hex()}"] if offer.licence != NO_DIGEST else []
    return ", ".join(terms)


def describe_editions(offer: Offer) -> str:
    """Return the number of copies that can be sold, in words."""
    return "copies without a limit" if offer.editions == EVERY_EDITION else f"{offer.editions:,} copies"


def format_duration(seconds: int) -> str:
    """Return a duration with its two largest units, such as ``29 d 23 h``."""
    parts: list[str] = []
    for unit, size in {"d": 86_400, "h": 3600, "min": 60, "s": 1}.items():
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count:,} {unit}")
    return " ".join(parts[:2])
