"""The columns of a table: their kinds, and the numbers that stand for their values."""

import datetime
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gan_lightning.errors import UserError, listed, printable
from gan_lightning.modalities.edges import Edge, declared_bins, parse_edges, read_edges

KINDS = ("category", "ordered", "integer", "real", "date")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MAX_INTEGER = 2**53  # beyond it, a float64 does not hold every integer
MAX_DECIMALS = 9
# Texts that are read as a missing value, unless the column has a value of that name.
MISSING_MARKS = ("?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
ISO_DATE = "%Y-%m-%d"
EPOCH = datetime.date(1970, 1, 1)


class Column(BaseModel):
    """A column of a table, as a schema describes it. Its values stand in the content as numbers.

    A value of a category is its index in ``values``, a date is the number of days since 1970-01-01, and a missing
    value is NaN.

    Attributes:
        name: name of the column in files.
        kind: ``category`` (names without an order), ``ordered`` (names in their order), ``integer``, ``real`` or
            ``date``.
        values: names of a category, in order.
        missing: True if values may be missing.
        bins: number of bins of a number or a date, which are fitted to rows; None if ``edges`` declares them.
        edges: edges of the bins of a number or a date: the bins are [e₀, e₁), [e₁, e₂), …, and the last one is closed.
            A mapping of ``from``, ``to`` and ``step`` stands for equally wide bins; the step of dates is a number of
            days. Declared bins do not depend on rows, as differential privacy needs. A value beyond the edges belongs
            to the first or the last bin; generated values lie within them. None if the bins are fitted.
        decimals: number of decimals of a real number; None if it is not rounded.
        format: format of a date, as ``strftime`` takes it.
        minimum, maximum: the smallest and the largest value allowed; None for no limit. For a date, in its format.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: str = Field(min_length=1)
    kind: Literal["category", "ordered", "integer", "real", "date"]
    values: list[str] = []
    missing: bool = False
    bins: PositiveInt | None = None
    edges: list[Edge] | dict[str, Edge] | None = None
    decimals: int | None = Field(default=None, ge=0, le=MAX_DECIMALS)
    format: str = ISO_DATE
    minimum: float | str | None = None
    maximum: float | str | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _write_booleans_as_files_do(cls, values: Any) -> Any:
        """Return the values with ``true`` and ``false`` as text, as YAML may hold them as booleans."""
        return [str(one).lower() if isinstance(one, bool) else one for one in values or []]

    @field_validator("decimals", "minimum", "maximum", mode="before")
    @classmethod
    def _read_null(cls, value: Any) -> Any:
        return None if value == "null" else value

    @field_validator("edges", mode="before")
    @classmethod
    def _read_edges(cls, edges: Any, info: ValidationInfo) -> Any:
        return read_edges(cls._read_null(edges), are_numbers=info.data.get("kind") != "date")

    @model_validator(mode="after")
    def _check(self) -> "Column":
        if self.is_category:
            if not self.values:
                raise ValueError(f"kind {self.kind} needs values: […]")
            if len(set(self.values)) < len(self.values) or "" in self.values:
                raise ValueError("values must be different, and none of them empty")
            if self.bins is not None or self.edges is not None:
                key = "edges" if self.bins is None else "bins"
                raise ValueError(f"{key} are for numbers and dates: leave {key} out")
        elif self.values or (self.bins is None and self.edges is None):
            raise ValueError(f"kind {self.kind} needs bins, the number of its bins, or edges, and no values")
        if self.lowest > self.highest:
            raise ValueError(f"minimum {self.minimum} is larger than maximum {self.maximum}")
        if self.edges is not None and self.bins not in (None, len(self.declared_bins)):
            raise ValueError(f"bins={self.bins}: edges has {len(self.declared_bins)} bins: leave bins out")
        return self

    @property
    def is_category(self) -> bool:
        """True for a column of names, which has no bins."""
        return self.kind in ("category", "ordered")

    @property
    def declared(self) -> bool:
        """True if the slots do not depend on rows: those of a category are its values, those of a number its edges."""
        return self.is_category or self.edges is not None

    @property
    def slots(self) -> int:
        """Number of values of a category, or of bins: the size of its block without the slot for missing values."""
        if self.is_category:
            return len(self.values)
        return self.bins or len(self.declared_bins)

    @property
    def size(self) -> int:
        """Number of slots of the column's block, with that for missing values."""
        return self.slots + self.missing

    @property
    def grid(self) -> int | None:
        """Number of decimals that values have; None for any number of decimals."""
        return self.decimals if self.kind == "real" else 0

    @cached_property
    def lowest(self) -> float:
        return -np.inf if self.minimum is None else self._limit(self.minimum)

    @cached_property
    def highest(self) -> float:
        return np.inf if self.maximum is None else self._limit(self.maximum)

    @cached_property
    def edge_numbers(self) -> list[float]:
        """Declared edges as numbers; [] if the bins are fitted."""
        return [] if self.edges is None else parse_edges(self.edges, self._limit)

    @cached_property
    def declared_bins(self) -> np.ndarray:
        """Lowest and highest value of each declared bin (bins, 2)."""
        return declared_bins(self.edge_numbers, self.grid, self.lowest, self.highest)

    def _limit(self, value: float | str) -> float:
        if self.kind != "date":
            return float(value)
        number = self.parse(str(value))
        if number is None:
            raise ValueError(f"{value}: is no date of format {self.format}")
        return number

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {value: i for i, value in enumerate(self.values)}

    def parse(self, text: str) -> float | None:
        """Return the number of a cell's text, NaN if it says that the value is missing; None if it is no value.

        Spaces around a text do not count, unless the column has the value with them.
        """
        if text in self._indices:
            return self._indices[text]
        text = text.strip()
        if text in self._indices:
            return self._indices[text]
        if text == "" or text in MISSING_MARKS:
            return np.nan
        if self.is_category:
            return None
        if self.kind == "date":
            return parse_date(text, self.format)
        return float(text) if NUMBER.fullmatch(text) else None

    def write(self, numbers: np.ndarray) -> list[str]:
        """Return the texts of numbers (n,) for a file; a missing value is an empty text."""
        if self.is_category:
            texts = [*self.values, ""]
            return [texts[i] for i in np.where(np.isnan(numbers), len(self.values), numbers).astype(int).tolist()]
        missing = np.isnan(numbers)
        texts = {"integer": _write_integers, "date": self._write_dates, "real": self._write_reals}[self.kind](
            numbers[~missing]
        )
        if len(texts) == len(numbers):
            return texts
        cells = np.full(len(numbers), "", object)
        cells[~missing] = texts
        return cells.tolist()

    def _write_dates(self, numbers: np.ndarray) -> list[str]:
        days, index = np.unique(numbers, return_inverse=True)
        texts = [(EPOCH + datetime.timedelta(int(day))).strftime(self.format) for day in days]
        return [texts[i] for i in index.tolist()]

    def _write_reals(self, numbers: np.ndarray) -> list[str]:
        if self.decimals is None:
            return [repr(number) for number in numbers.tolist()]
        is_short = np.abs(numbers) * 10.0**self.decimals < MAX_INTEGER
        if (is_short & (np.round(numbers, self.decimals) == numbers)).all():  # then texts have the exact numbers
            return (f"%.{self.decimals}f\n" * len(numbers) % tuple(numbers.tolist())).split("\n")[:-1]
        texts = [(f"{number:.{self.decimals}f}", number) for number in numbers.tolist()]
        return [text if float(text) == number else repr(number) for text, number in texts]

    def problem(self, numbers: np.ndarray) -> tuple[int, str] | None:
        """Return the index of the first of numbers (n,) that is no value of the column, and why; None if all are."""
        given = ~np.isnan(numbers)
        checks = [
            (np.isinf(numbers), "is infinite: correct or remove it"),
            (~given & (not self.missing), "is missing, and the schema does not say missing: true"),
        ]
        if self.is_category:
            wrong = given & ((numbers < 0) | (numbers >= len(self.values)) | (numbers != np.floor(numbers)))
            checks.append((wrong, f"must be the index of one of {len(self.values)} values"))
        else:
            fraction = given & (numbers != np.floor(numbers)) & (self.kind != "real")
            checks.append((fraction, "is no whole number, as the schema says: change its kind to real"))
            checks.append((given & (np.abs(numbers) > MAX_INTEGER) & (self.kind != "real"), "is too large"))
            checks.append((numbers < self.lowest, f"is below the minimum {self.minimum} of the schema"))
            checks.append((numbers > self.highest, f"is above the maximum {self.maximum} of the schema"))
        for wrong, reason in checks:
            if wrong.any():
                return int(wrong.argmax()), reason
        return None


def _write_integers(numbers: np.ndarray) -> list[str]:
    return [str(int(number)) for number in numbers.tolist()]


def parse_date(text: str, form: str) -> float | None:
    """Return the days from 1970-01-01 to a date; None if the text is no date of this format."""
    try:
        return float((datetime.datetime.strptime(text, form).date() - EPOCH).days)
    except ValueError:
        return None


def read_schema(schema: Mapping[str, Mapping[str, Any]], where: str) -> list[Column]:
    """Return the columns that a schema describes.

    Args:
        schema: the description of each column, by its name: the attributes of :class:`Column`.
        where: source of the schema, for messages.

    Raises:
        UserError: for a description that is wrong; it names the column, the key and the reason.
    """
    if not isinstance(schema, Mapping) or not schema:
        raise UserError(f"{where}: must name at least one column, as in age: {{kind: integer, bins: 64}}")
    columns = []
    for name, node in schema.items():
        if not isinstance(node, Mapping):
            raise UserError(f"{where}: {printable(str(name))}: must be a mapping, as in {{kind: integer, bins: 64}}")
        try:
            columns.append(Column(name=str(name), **{str(key): value for key, value in node.items()}))
        except ValidationError as error:
            raise UserError(f"{where}: {printable(str(name))}{_explain(error, node)}") from error
    return columns


def _explain(error: ValidationError, node: Mapping[str, Any]) -> str:
    """Return the first of pydantic's errors about a column: its key, its value and the reason."""
    first = error.errors()[0]
    key = first["loc"][0] if first["loc"] else None
    if first["type"] == "extra_forbidden":
        return f".{key}: unknown key: the keys are {listed([one for one in Column.model_fields if one != 'name'], 9)}"
    if first["type"] == "missing":
        return f".{key}: missing: one of {listed(KINDS)}"
    reason = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f": {reason}" if key is None else f".{key}={node.get(str(key))}: {reason}"


def describe_columns(columns: Sequence[Column]) -> dict[str, dict[str, Any]]:
    """Return the schema of columns: plain values, from which ``read_schema`` returns equal columns."""
    return {
        column.name: column.model_dump(exclude={"name", "bins"} if column.edges else {"name"}, exclude_defaults=True)
        for column in columns
    }
