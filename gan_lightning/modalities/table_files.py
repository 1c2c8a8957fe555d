"""Reads CSV and Parquet files as rows of texts, and texts as the content of a table."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan_lightning.errors import UserError, explain_os_error, listed, missing_extra, printable
from gan_lightning.files import check_regular
from gan_lightning.modalities.columns import ISO_DATE, Column

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
PARQUET = (".parquet", ".pq")
MAX_SHOWN = 40  # characters of a cell that a message shows

Cells = dict[str, list[str]]  # texts of each column, by its name; the text of a missing value is empty


def read_csv(path: Path, delimiter: str = ",") -> Iterator[list[str]]:
    """Yield the rows of a CSV file, without empty lines.

    Raises:
        UserError: if the file cannot be read, or is not a CSV file in UTF-8.
    """
    if len(delimiter) != 1:
        raise UserError(f"{path}: the delimiter {delimiter!r} must be one character")
    try:
        check_regular(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from filter(None, csv.reader(file, delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise UserError(f"{path}: byte {byte:#04x} is not UTF-8 text: save the file as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV file ({error}): save it as CSV again") from error
    except OSError as error:
        raise UserError(f"{path}: {explain_os_error(error)}") from error


def read_rows(
    path: Path, delimiter: str = ",", names: Sequence[str] | None = None, comment: str | None = None
) -> Cells:
    """Return the cells of a CSV or Parquet file by the names of its columns.

    Args:
        path: the file to read.
        delimiter: character between the cells of a CSV file.
        names: names of the columns of a CSV file without a header; None if the first row has them.
        comment: text that rows start with which are no data; None if there are no such rows.

    Raises:
        UserError: if the file is missing or damaged, or if its names or the numbers of its cells are wrong.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder: name a CSV or Parquet file")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path)
    rows = read_csv(path, delimiter)
    header = next(rows, None) if names is None else list(names)
    if header is None:
        raise UserError(f"{path}: is empty: its first line must name the columns")
    header = [name.strip() for name in header]
    _check_names(path, header, delimiter)
    known: dict[str, str] = {}  # so that equal texts take memory once
    columns: list[list[str]] = [[] for _ in header]
    data = (row for row in rows if comment is None or not row[0].startswith(comment))
    for number, row in enumerate(data, 1):
        if len(row) != len(header):
            raise UserError(
                f"{path}: row {number:,} has {len(row)} cells, and there are {len(header)} columns: "
                f"correct the row, or name another delimiter than {delimiter!r}"
            )
        for column, cell in zip(columns, row, strict=True):
            column.append(known.setdefault(cell, cell))
    if not columns[0]:
        raise UserError(f"{path}: has a header and no rows")
    return dict(zip(header, columns, strict=True))


def _check_names(path: Path, names: Sequence[str], delimiter: str) -> None:
    others = [shown for other, shown in DELIMITERS.items() if other != delimiter and other in names[0]]
    if len(names) == 1 and others:
        raise UserError(
            f"{path}: one column was found with the delimiter {delimiter!r}, and its name has {others[0]}: "
            "name the delimiter of the file"
        )
    for i, name in enumerate(names, 1):
        if not name:
            raise UserError(f"{path}: column {i} of {len(names)} has no name: give it one in the first line")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UserError(f"{path}: several columns have the name {printable(twice[0])}: rename them in the first line")


def _read_parquet(path: Path) -> Cells:
    try:
        import polars
    except ImportError as error:
        raise missing_extra(f"{path}: a Parquet file", "tables") from error
    try:
        frame = polars.read_parquet(path)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path}: not a Parquet file ({str(error).splitlines()[0]}): store it again") from error
    cells = {}
    for name, series in frame.to_dict().items():
        if series.dtype.is_nested() or series.dtype in (polars.Datetime, polars.Time, polars.Duration, polars.Binary):
            raise UserError(f"{path}: {name} is {series.dtype}: make it text, a number or a date, or leave it out")
        if series.dtype.is_decimal():
            series = series.cast(polars.Float64)
        if series.dtype.is_float():
            texts = [None if x is None else repr(x) for x in series.cast(polars.Float64).to_list()]
        else:
            texts = series.cast(polars.String).to_list()
        cells[name] = [text or "" for text in texts]
    _check_names(path, list(cells), ",")
    if not frame.height:
        raise UserError(f"{path}: has columns and no rows")
    return cells


def parquet_kinds(path: Path) -> dict[str, str]:
    """Return the kind of each column of a Parquet file, by its name."""
    import polars

    def kind(dtype: polars.DataType) -> str:
        if dtype.is_integer():
            return "integer"
        return "real" if dtype.is_numeric() else "date" if dtype == polars.Date else "category"

    return {name: kind(dtype) for name, dtype in polars.read_parquet_schema(path).items()}


def select_columns(path: Path, cells: Cells, columns: Sequence[Column]) -> Cells:
    """Return the cells of the columns of a schema; raise UserError if the file lacks one."""
    missing = [column.name for column in columns if column.name not in cells]
    if missing:
        raise UserError(
            f"{path}: has no column {listed(missing)}, which the schema names: its columns are {listed(list(cells))}"
        )
    return {column.name: cells[column.name] for column in columns}


def read_content(path: Path, columns: Sequence[Column], delimiter: str = ",") -> Tensor:
    """Return the content (n, columns) of a CSV or Parquet file that has all columns; other columns are left out.

    Raises:
        UserError: if the file cannot be read, or does not fit the columns.
    """
    if path.suffix.lower() in PARQUET:  # it has dates as such, whatever their format in CSV files
        columns = [column.model_copy(update={"format": ISO_DATE}) for column in columns]
    return parse_cells(path, columns, select_columns(path, read_rows(path, delimiter), columns))


def parse_cells(path: Path, columns: Sequence[Column], cells: Cells) -> Tensor:
    """Return the content (n, columns) float64 of texts; raise UserError for a text that is no value of its column."""
    content = np.empty((len(cells[columns[0].name]), len(columns)))
    for i, column in enumerate(columns):
        content[:, i] = map_distinct(column.parse, cells[column.name])
        unknown = np.isnan(content[:, i])
        if unknown.any():
            _check_missing(path, column, cells[column.name], unknown)
    return torch.from_numpy(content)


def map_distinct(function: Callable[[str], float | None], texts: Sequence[str]) -> np.ndarray:
    """Return the numbers of texts (n,), NaN for None; the function is called once for each distinct text."""
    found: Mapping[str, float | None] = {text: function(text) for text in dict.fromkeys(texts)}
    return np.array([found[text] for text in texts], dtype=float)


def _check_missing(path: Path, column: Column, texts: Sequence[str], unknown: np.ndarray) -> None:
    """Raise UserError if a text that is not a number is no sign of a missing value, or none may be missing."""
    for row in np.flatnonzero(unknown).tolist():
        place, text = f"{path}: row {row + 1:,}: {column.name}", texts[row]
        if column.parse(text) is None:
            shown = printable(text[:MAX_SHOWN])
            if column.is_category:
                raise UserError(f"{place}={shown}: the schema has only {listed(column.values)}: add it to its values")
            raise UserError(f"{place}={shown}: is no {column.kind}{_format_hint(column)}: correct it, or the schema")
        if not column.missing:
            raise UserError(f"{place} is missing: fill it in, or set missing: true in the schema")


def _format_hint(column: Column) -> str:
    return f" of the format {column.format}" if column.kind == "date" else ""
