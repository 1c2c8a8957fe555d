"""Writes tables of random values, in place of files that tests do not have."""

import csv
from pathlib import Path

import numpy as np

from gan_lightning.data.german_codes import CODES
from gan_lightning.data.table_schema import load_schema
from gan_lightning.modalities.columns import Column, read_schema
from gan_lightning.paths import PACKAGE


def packaged_columns(name: str) -> list[Column]:
    return read_schema(load_schema(PACKAGE / "data" / "schemas" / f"{name}.yaml"), name)


def random_texts(column: Column, n: int, random: np.random.Generator) -> list[str]:
    """Return n random values of a column as texts; for a number, whole numbers from 0 to 99 within its limits."""
    if column.is_category:
        return random.choice(column.values, n).tolist()
    return column.write(random.integers(0, 100, n).clip(column.lowest, column.highest).astype(float))


def random_rows(name: str, n: int, seed: int = 0) -> list[list[str]]:
    """Return n random rows of a table in the package, as texts."""
    random = np.random.default_rng(seed)
    texts = [random_texts(column, n, random) for column in packaged_columns(name)]
    return [list(row) for row in zip(*texts, strict=True)]


def write_rows(path: Path, rows: list[list[str]], header: list[str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*([header] if header else []), *rows])
    return path


def write_people(path: Path, n: int = 200) -> Path:
    """Write a table of n people with a column of each kind, missing values, and a spike in an amount."""
    random = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + random.integers(0, 1000, n)
    rows = [
        [
            str(random.integers(18, 90)) if random.random() < 0.9 else "",
            random.choice(["north", "south, far", 'the "west"']),
            f"{random.choice([0, random.gamma(2, 100)]):.2f}",
            str(days[i]),
            random.choice(["no", "yes"], p=[0.75, 0.25]),
        ]
        for i in range(n)
    ]
    return write_rows(path, rows, ["age", "region", "amount", "joined", "ill"])


def write_public_tables(folder: Path, n: int = 64) -> None:
    """Write random rows under the names of the files of public tables, with headers."""
    tables = [  # the name of the schema, and the files
        ("adult_declared", ["adult/adult.csv", "adult/adult.test"]),
        ("heart", ["heart/cleveland.csv"]),
        ("german_credit", ["german_credit/german_credit.csv"]),
    ]
    for name, files in tables:
        for file in files:
            write_rows(folder / file, random_rows(name, n), [column.name for column in packaged_columns(name)])


def write_uci_files(folder: Path) -> dict[str, list[list[str]]]:
    """Write random rows in the formats of the UCI's files, and return the rows of each table."""
    rows = {name: random_rows(name, 64) for name in ("adult", "heart", "german_credit")}
    lines = [", ".join(row) + "\n" for row in rows["adult"]]
    (folder / "adult").mkdir(parents=True)
    (folder / "adult/adult.data").write_text("".join(lines) + "\n", encoding="utf-8")
    lines = ["|1x3 Cross validator\n", *(line.replace("\n", ".\n") for line in lines), "\n"]
    (folder / "adult/adult.test").write_text("".join(lines), encoding="utf-8")

    (folder / "heart").mkdir()
    for row in rows["heart"]:
        row[11] = ""  # ca is not known
    lines = [",".join("?" if cell == "" else f"{float(cell)}" for cell in row[:-1]) for row in rows["heart"]]
    lines = [f"{line},{3 * int(row[-1])}\n" for line, row in zip(lines, rows["heart"], strict=True)]
    (folder / "heart/processed.cleveland.data").write_text("".join(lines), encoding="utf-8")

    (folder / "german_credit").mkdir()
    codes = {(name, meaning): code for (name, code), meaning in CODES.items()}
    names = [column.name for column in packaged_columns("german_credit")]
    lines = [
        " ".join(codes.get(key, key[1]) for key in zip(names, row, strict=True)) + "\n" for row in rows["german_credit"]
    ]
    (folder / "german_credit/german.data").write_text("".join(lines), encoding="utf-8")
    return rows
