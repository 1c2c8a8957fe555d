"""Infers the schema of a table from a file, and reads and writes schemas as YAML."""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gan_lightning.errors import UserError, explain_os_error, listed, printable
from gan_lightning.modalities.bins import fit_bins
from gan_lightning.modalities.columns import (
    MAX_DECIMALS,
    MAX_INTEGER,
    MISSING_MARKS,
    NUMBER,
    Column,
    describe_columns,
    parse_date,
    read_schema,
)
from gan_lightning.modalities.table_files import MAX_SHOWN, PARQUET, map_distinct, parquet_kinds, read_rows

MAX_BINS, MAX_ATOMS = 64, 128  # bins of a number; if it has at most MAX_ATOMS different values, of each value
MAX_VALUES = 1000  # of a category
MAX_CLASSES = 50  # of a target
MIN_VALUES = 20  # number of values from which on a column with few repetitions looks like an identifier
INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")  # a leading zero, as in a postal code, makes a name
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
LEADING_ZERO = re.compile(r"[+-]?0\d")
CONSTRAINTS = "constraints"  # key of schema files besides the names of columns, with a list
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")

Schema = dict[str, dict[str, Any]]

log = logging.getLogger(__name__)


def infer_schema(
    path: Path, delimiter: str = ",", target: str | None = None, drop: Collection[str] = (), remedy: str = "data.drop"
) -> Schema:
    """Return the schema of a CSV or Parquet file.

    Numbers whose texts have a leading zero, as postal codes, are names. A column without values is left out, with a
    warning; a column with one value is kept, with a warning.

    Args:
        path: the file.
        delimiter: character between the cells of a CSV file.
        target: name of the column to predict, which becomes a category even if it has numbers; None for none.
        drop: names of columns to leave out.
        remedy: setting that leaves out a column, for messages.

    Raises:
        UserError: if the file cannot be read, or if a column cannot be described.
    """
    cells = read_rows(path, delimiter)
    for name in [*drop, *([] if target is None else [target])]:
        if name not in cells:
            raise UserError(f"{path}: has no column {printable(name)}: its columns are {listed(list(cells))}")
    kinds = parquet_kinds(path) if path.suffix.lower() in PARQUET else {}
    columns = []
    for name, texts in cells.items():
        if name in drop:
            continue
        inference = _Inference(path, name, texts, kinds.get(name), remedy)
        column = inference.column(is_target=name == target)
        if inference.marks:
            log.warning("%s: %s: read as missing: %s", path, printable(name), ", ".join(inference.marks))
        if column is None:
            log.warning("%s: %s has no values: left out", path, printable(name))
            continue
        if column.slots == 1:
            log.warning("%s: %s has one value in all rows: it is kept", path, printable(name))
        columns.append(column)
    if not columns:
        raise UserError(f"{path}: no column has values")
    return _describe(columns, path)


class _Inference:
    """Finds the description of one column.

    Args:
        path, name, remedy: for messages.
        texts: the cells of the column.
        kind: kind of the column, if the file says it.
    """

    def __init__(self, path: Path, name: str, texts: Sequence[str], kind: str | None, remedy: str) -> None:
        self.name = name
        self.kind = kind
        self.texts = texts
        self.place = f"{path}: {printable(name)}"
        self.remedy = f"{remedy}=[{printable(name)}]" if "-" not in remedy else f"{remedy} {printable(name)}"
        marks = () if kind == "category" else MISSING_MARKS
        distinct = dict.fromkeys(texts)
        if kind is None:  # the spaces around the cells of a CSV file do not count
            distinct = dict.fromkeys(text.strip() for text in distinct)
        self.marks = [text for text in distinct if text in marks]
        self.values = [text for text in distinct if text != "" and text not in marks]
        self.missing = len(self.values) < len(distinct)

    def column(self, is_target: bool) -> Column | None:
        """Return the description of the column; None if it has no values."""
        if not self.values:
            return None
        if is_target:
            return self._target()
        if self.kind != "category":
            if all(map(NUMBER.fullmatch, self.values)) and not any(map(LEADING_ZERO.match, self.values)):
                return self._number()
            self._check_numbers()
            for form in DATE_FORMATS:
                if all(parse_date(text, form) is not None for text in self.values):
                    return self._binned("date", format=form)
        return self._category()

    def _number(self) -> Column:
        numbers = np.array([float(text) for text in self.values])
        if self.kind != "real" and all(map(INTEGER.fullmatch, self.values)):
            if np.abs(numbers).max() > MAX_INTEGER:
                raise UserError(f"{self.place}: has integers above 2⁵³, as identifiers do: leave it out: {self.remedy}")
            return self._binned("integer")
        if not np.isfinite(numbers).all():
            raise UserError(f"{self.place}: has numbers that are too large: correct them")
        rounded = (decimals for decimals in range(MAX_DECIMALS + 1) if (np.round(numbers, decimals) == numbers).all())
        return self._binned("real", decimals=next(rounded, None))

    def _binned(self, kind: str, **described: Any) -> Column:
        """Return a column of numbers or dates with as many bins as are found for all rows."""
        column = Column(name=self.name, kind=kind, missing=self.missing, bins=1, **described)  # type: ignore[arg-type]
        numbers = map_distinct(column.parse, self.texts)
        most = MAX_ATOMS if len(self.values) <= MAX_ATOMS else MAX_BINS
        bins = len(fit_bins(numbers[~np.isnan(numbers)], most, column.grid))
        return column.model_copy(update={"bins": bins})

    def _category(self) -> Column:
        n = len(self.values)
        if n > MAX_VALUES or (n > MIN_VALUES and n > len(self.texts) / 2):
            raise UserError(
                f"{self.place}: has {n:,} different values in {len(self.texts):,} rows, as identifiers do: "
                f"leave it out: {self.remedy}"
            )
        return Column(name=self.name, kind="category", values=self._sorted(), missing=self.missing)

    def _target(self) -> Column:
        if len(self.values) > MAX_CLASSES:
            numbers = "is a number and " if all(map(NUMBER.fullmatch, self.values)) else ""
            raise UserError(
                f"{self.place}: {numbers}has {len(self.values):,} different values: a target has at most "
                f"{MAX_CLASSES}: name another column, or none"
            )
        return Column(name=self.name, kind="category", values=self._sorted(), missing=self.missing)

    def _sorted(self) -> list[str]:
        if all(map(NUMBER.fullmatch, self.values)):
            return sorted(self.values, key=lambda text: (float(text), text))
        return sorted(self.values)

    def _check_numbers(self) -> None:
        """Raise UserError if most of many values are numbers, but not all: the others are faults, not categories."""
        others = [text for text in self.values if not NUMBER.fullmatch(text)]
        infinite = all(map(INFINITE.fullmatch, others)) and len(others) < len(self.values)
        if others and (infinite or len(self.values) > max(2 * len(others), MIN_VALUES)):
            row = [text.strip() for text in self.texts].index(others[0]) + 1
            raise UserError(
                f"{self.place}: row {row:,} has {printable(others[0])[:MAX_SHOWN]} among numbers: write a number, or "
                "leave the cell empty"
            )


def load_schema(path: Path) -> Schema:
    """Return the columns of the schema in a YAML file; raise UserError if the file is missing or wrong."""
    content, _ = _read_schema_file(path)
    return _describe(read_schema(content, str(path)), path)


def _describe(columns: Sequence[Column], path: Path) -> Schema:
    """Return the schema of columns; raise UserError for a value that means something else in a config."""
    for column in columns:
        for value in column.values:
            if "${" in value or value == "???":
                raise UserError(
                    f"{path}: {printable(column.name)}: the value {printable(value)} means something else in a config: "
                    "write another text"
                )
    return describe_columns(columns)


def load_constraints(path: Path) -> list[str]:
    """Return the constraints of the schema in a YAML file; raise UserError if the file is missing or wrong."""
    _, constraints = _read_schema_file(path)
    return constraints


def _read_schema_file(path: Path) -> tuple[Any, list[str]]:
    """Return the content of a schema file without its constraints, and these."""
    try:
        # Every scalar is read as text: a value such as no or 2020-01-01 is a name, whatever YAML makes of it.
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except OSError as error:
        raise UserError(f"{path}: {explain_os_error(error)}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a YAML file ({' '.join(str(error).split())}): correct it") from error
    # A list is not a description, so there may be a column of this name.
    if not isinstance(content, dict) or not isinstance(constraints := content.get(CONSTRAINTS), list):
        return content, []
    for one in constraints:
        if not isinstance(one, str):
            raise UserError(f"{path}: {CONSTRAINTS}: {one}: must be a text, as in ['start <= end']")
    return {name: node for name, node in content.items() if name != CONSTRAINTS}, constraints


def format_schema(schema: Mapping[str, Any]) -> str:
    """Return a schema as YAML text, which ``load_schema`` reads."""
    return yaml.safe_dump(dict(schema), sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
