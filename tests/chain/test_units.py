"""Prices, percentages, durations and times as users write them; drafts and offers that the contract would refuse."""

import pytest

from gan_lightning.chain.units import format_time, format_wei, parse_duration, parse_percentage, parse_price, parse_time
from gan_lightning.chain.works import Draft, Offer, Payee
from gan_lightning.errors import UserError


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0.5 ether", 5 * 10**17),
        ("20 gwei", 2 * 10**10),
        ("7 wei", 7),
        ("0", 0),
        ("1Ether", 10**18),
        ("0.000000000000000001 ether", 1),
    ],
)
def test_prices(text, wei):
    assert parse_price(text) == wei


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (parse_price, "3 xyz", "the unit 'xyz' is unknown: use ether, gwei or wei"),
        (parse_price, "3", "must be a number and a unit"),
        (parse_price, "-1 ether", "must be a number and a unit"),
        (parse_price, "1e3 wei", "must be a number and a unit"),
        (parse_price, "0.5 wei", "must be a whole number of wei"),
        (parse_price, f"{2**96} wei", "larger than the contract can store"),
        (parse_price, "9" * 200 + " wei", "must be a number and a unit"),
        (parse_duration, "5 parsecs", "must be a number and a unit"),
        (parse_duration, "0d", "must be a number and a unit"),
        (parse_duration, "200y", "less than 136 years"),
        (parse_time, "tomorrow", "must be a date or a time"),
        (parse_time, "1960-01-01", "must be after 1970"),
        (lambda text: parse_percentage(text, "--royalty"), "101%", "--royalty '101%': must be at most 100%"),
        (lambda text: parse_percentage(text, "--royalty"), "5", "must be a percentage"),
        (lambda text: parse_percentage(text, "--royalty"), "5 wei", "must be a percentage"),
        (lambda text: parse_percentage(text, "--royalty"), "5.555%", "at most two decimals"),
    ],
)
def test_unclear_quantities_are_rejected(parse, text, reason):
    with pytest.raises(UserError, match=reason) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_other_quantities():
    assert [parse_percentage(text, "--share") for text in ("5%", "2.5 %", "100%", "0%", "0.01%")] == [
        500,
        250,
        10**4,
        0,
        1,
    ]
    assert [parse_duration(text) for text in ("30d", "12h", "90s", "1.5 h", "1w")] == [2592000, 43200, 90, 5400, 604800]
    assert parse_time("2027-01-31") == 1801353600
    assert parse_time("2027-01-31T01:00+01:00") == 1801353600
    assert format_time(1801353600) == "2027-01-31 00:00:00 UTC"
    assert format_time(0) == "no end"
    assert format_time(2**48 - 1) == "after the year 9999"


@pytest.mark.parametrize("wei", [0, 7, 10**6, 2 * 10**10, 5 * 10**17, 10**18, 10**18 + 1, 123456789 * 10**12])
def test_formatted_amounts_are_read_back(wei):
    assert parse_price(format_wei(wei)) == wei


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Payee(units=0), "the units must be at least 1"),
        (lambda: Offer(editions=0), "--editions 0: must be 1"),
        (lambda: Offer(hands=-1), "--hands -1"),
        (lambda: Offer(price=-1), "--price -1"),
        (lambda: Offer(term=-1), "--term -1"),
        (lambda: Offer(start=9, until=9), "--until: the copies would end before they start"),
        (lambda: Draft(royalty=10_001), "--royalty 100.01%: must be 0% to 100%"),
        (lambda: Draft(share=-1), "--share -0.01%"),
        (lambda: Draft(payees=()), "--payee: 0 payees"),
        (lambda: Draft(payees=[Payee()] * 65), "--payee: 65 payees"),
        (lambda: Draft(parts=[3, 3]), "--part 3 3: a work is named twice"),
    ],
)
def test_impossible_terms_are_rejected(make, reason):
    with pytest.raises(UserError, match=reason):
        make()


def test_digests_have_32_bytes():
    with pytest.raises(ValueError, match="licence: 3 bytes"):
        Offer(licence=b"abc")
    with pytest.raises(ValueError, match="metadata: 0 bytes"):
        Draft(metadata=b"")
