"""Requests of the market, validated before anything is read or sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gan_lightning.chain.units import parse_duration, parse_percentage, parse_price, parse_time
from gan_lightning.chain.works import EVERY_EDITION, UNLIMITED
from gan_lightning.errors import UserError

MAX_PARTIES = 16  # parts, and payees, of one work


def _reader(parse: Callable[[str, str], int], name: str) -> Callable[[Any], int]:
    """Return a validator that reads a text into a number with ``parse``."""

    def read(value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError("must be a text with a number and a unit")
        try:
            return parse(value[:100], name)
        except UserError as error:
            raise ValueError(str(error)) from error

    return read


def _read_time(value: Any) -> Any:
    """Return a time, given as seconds since 1970 or as a date, in seconds."""
    if not isinstance(value, str):
        return value
    try:
        return parse_time(value[:100], "time")
    except UserError as error:
        raise ValueError(str(error)) from error


def _check_text(text: str) -> str:
    if any(not (character.isprintable() or character in "\n\t") for character in text):
        raise ValueError("must not have control characters")
    return text


def _or_any(number: int) -> Any:
    """Return the annotation of a number for which ``any`` stands."""
    return BeforeValidator(lambda value: number if value == "any" else value)


Number = Annotated[int, Field(ge=1, lt=2**53, strict=True)]  # of a work, a token or a listing
Index = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=64)]  # an address, or the name of a demo account
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Text = Annotated[str, AfterValidator(_check_text)]
Price = Annotated[int, BeforeValidator(_reader(parse_price, "price"))]  # in wei
Percentage = Annotated[int, BeforeValidator(_reader(parse_percentage, "percentage"))]  # in basis points
Duration = Annotated[int, BeforeValidator(_reader(parse_duration, "term"))]  # in seconds
Time = Annotated[int, BeforeValidator(_read_time), Field(gt=0, lt=2**48, strict=True)]


class Request(BaseModel):
    """Request of an account.

    Attributes:
        account: the account that acts: an address, or the name of a demo account.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    account: Name


class Terms(BaseModel):
    """Terms of an offer."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    price: Price
    editions: Annotated[int, _or_any(EVERY_EDITION), Field(ge=1, le=EVERY_EDITION, strict=True)] = 1
    term: Duration | None = None
    start: Annotated[Time | None, Field(alias="from")] = None
    until: Time | None = None
    hands: Annotated[int, _or_any(UNLIMITED), Field(ge=0, le=UNLIMITED, strict=True)] = UNLIMITED
    revocable: bool = False
    licence: Annotated[Text, Field(max_length=12_000)] | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Terms:
        if self.start and self.until and self.start >= self.until:
            raise ValueError("the copies would end before they start: give a later time 'until'")
        return self


class PayeeRequest(BaseModel):
    """Account that shares the earnings of a work.

    Attributes:
        account: an address, the name of a demo account, or ``holder`` for whoever holds the title.
        units: its part, relative to the units of the other payees.
    """

    model_config = ConfigDict(extra="forbid")

    account: Name
    units: Annotated[int, Field(ge=1, lt=2**53, strict=True)] = 1


class DraftRequest(Request):
    """Decisions of a creator about a work."""

    item: Id
    title: Annotated[Text, Field(min_length=1, max_length=200)]
    description: Annotated[Text, Field(max_length=5000)] = ""
    offer: Terms | None = None
    royalty: Percentage = 0
    share: Percentage = 0
    parts: Annotated[list[Number], Field(max_length=MAX_PARTIES)] = []
    payees: Annotated[list[PayeeRequest], Field(max_length=MAX_PARTIES)] = []

    @model_validator(mode="after")
    def _check_draft(self) -> DraftRequest:
        if not self.title.strip():
            raise ValueError("title must not be empty")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts: a work is named twice")
        return self


class ReleaseRequest(DraftRequest):
    """Draft that others may register, and the time until which they may."""

    offer: Terms
    deadline: Time | None = None


class OfferRequest(Request):
    work: Number
    offer: Terms


class CloseRequest(Request):
    work: Number
    offer: Index


class CollectRequest(Request):
    """Purchase of a copy: from an offer of a work, or by a signed release, which registers the work."""

    work: Number | None = None
    offer: Index = 0
    release: Id | None = None
    document: Annotated[str, Field(max_length=60_000)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> CollectRequest:
        if [self.work, self.release, self.document].count(None) != 2:
            raise ValueError("give one of work, release and document")
        return self


class ListRequest(Request):
    """Listing of a title or a copy; without a price its sale ends."""

    token: Number
    price: Price | None

    @model_validator(mode="after")
    def _check_price(self) -> ListRequest:
        if self.price == 0:
            raise ValueError("a sale needs a price: give 1 wei or more, or null to end the sale")
        return self


class BuyRequest(Request):
    token: Number
    number: Number


class TipRequest(Request):
    work: Number
    amount: Price

    @model_validator(mode="after")
    def _check_amount(self) -> TipRequest:
        if self.amount == 0:
            raise ValueError("a tip needs an amount: give 1 wei or more")
        return self


class WithdrawRequest(Request):
    """Payment of what an account has earned."""


class AllowRequest(Request):
    """Permission to use a work as a part: of an account, or of ``everybody``."""

    work: Number
    who: Name
    allowed: bool = True


class TokenRequest(Request):
    token: Number


class SignedRequest(BaseModel):
    """Signature of a release; without one the demo account signs."""

    model_config = ConfigDict(extra="forbid")

    release: Id
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{130}$")] | None = None


class SentRequest(BaseModel):
    """Transaction that a wallet has sent."""

    model_config = ConfigDict(extra="forbid")

    hash: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
    work: Number | None = None
