"""Schemas that are inferred from files, the command gan-schema, and what it says of bad files."""

import polars
import pytest
import yaml

from gan_lightning.commands import schema as gan_schema
from gan_lightning.data.table_schema import infer_schema, load_schema
from gan_lightning.errors import UserError
from gan_lightning.modalities.table import Table
from tests.tables import write_people, write_rows

MANY = 10**5


def numbered(n, cell):
    return "".join(f"{i % 7},{cell(i)}\n" for i in range(n))


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_kinds_bins_decimals_and_missing_values_are_found(tmp_path):
    schema = infer_schema(write_people(tmp_path / "people.csv", 2000))
    assert schema["age"] == {"kind": "integer", "missing": True, "bins": 72}
    assert schema["region"] == {"kind": "category", "values": ["north", "south, far", 'the "west"']}
    assert schema["amount"] == {"kind": "real", "bins": 64, "decimals": 2}
    assert schema["joined"] == {"kind": "date", "bins": 64}
    assert schema["ill"] == {"kind": "category", "values": ["no", "yes"]}


@pytest.mark.parametrize(
    ("cells", "described"),
    [
        (["02139", "10001"], {"kind": "category", "values": ["02139", "10001"]}),  # postal codes
        (["1", "2.0"], {"kind": "real", "bins": 2, "decimals": 0}),
        (["1e-3", "0.5"], {"kind": "real", "bins": 2, "decimals": 3}),
        (["31.12.2020", "01.02.2021"], {"kind": "date", "bins": 2, "format": "%d.%m.%Y"}),
        (["12/31/2020", "01/02/2021"], {"kind": "date", "bins": 2, "format": "%m/%d/%Y"}),
        (["31/12/2020", "01/02/2021"], {"kind": "date", "bins": 2, "format": "%d/%m/%Y"}),
        (["true", "false"], {"kind": "category", "values": ["false", "true"]}),
        (["1", "NA"], {"kind": "integer", "missing": True, "bins": 1}),
        ([" a", "b "], {"kind": "category", "values": ["a", "b"]}),
        (["", "b"], {"kind": "category", "values": ["b"], "missing": True}),
        (["-1", "+1"], {"kind": "integer", "bins": 2}),
    ],
)
def test_column_is_described(tmp_path, cells, described):
    path = write_rows(tmp_path / "a.csv", [[cell, str(i)] for i, cell in enumerate(cells * 50)], ["x", "i"])
    schema = infer_schema(path)
    assert schema["x"] == described
    Table(schema).read(path)


def test_target_is_a_category_in_the_order_of_its_numbers(tmp_path):
    path = write_rows(tmp_path / "a.csv", [[str(i % 11)] for i in range(100)], ["grade"])
    assert infer_schema(path, target="grade")["grade"]["values"] == [str(i) for i in range(11)]


def test_schema_file_reads_as_it_was_inferred(called, tmp_path):
    """Names that YAML would read as something else stay names."""
    odd = ["no", "yes", "null", "1", "1.0", "2020-01-01", "~", "a: b", "#", "Ünï", "true", "- x"]
    path = write_rows(tmp_path / "a.csv", [[name, str(i)] for i, name in enumerate(odd * 30)], ["odd", "y"])
    code, said = called(gan_schema.main, path, "--output", tmp_path / "schema.yaml")
    assert (code, "schema.yaml" in said) == (0, True)
    schema = load_schema(tmp_path / "schema.yaml")
    assert schema == infer_schema(path)
    assert set(schema["odd"]["values"]) == {name for name in odd if name != "null"}


def test_delimiter_target_and_dropped_columns_are_options(called, tmp_path):
    path = write(tmp_path / "a.csv", "id;x;y\n" + "".join(f"name {i};{i % 9};{i % 2}\n" for i in range(90)))
    code, said = called(gan_schema.main, path, "--delimiter", ";", "--target", "y")
    assert code == 2
    assert "id: has 90 different values in 90 rows, as identifiers do: leave it out: --drop id" in said
    code, said = called(gan_schema.main, path, "--delimiter", ";", "--target", "y", "--drop", "id")
    assert code == 0
    assert yaml.safe_load(said) == {
        "x": {"kind": "integer", "bins": 9},
        "y": {"kind": "category", "values": ["0", "1"]},
    }


def test_columns_without_values_are_left_out_and_constant_ones_kept_with_a_warning(tmp_path, caplog):
    path = write_rows(tmp_path / "a.csv", [["", "7", "?", str(i)] for i in range(50)], ["none", "same", "mark", "x"])
    assert list(infer_schema(path)) == ["same", "x"]
    assert "none has no values: left out" in caplog.text
    assert "mark has no values: left out" in caplog.text
    assert "mark: read as missing: ?" in caplog.text
    assert "same has one value in all rows: it is kept" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: its first line must name the columns"),
        ("\n\n", "is empty: its first line must name the columns"),
        ("a,b\n", "has a header and no rows"),
        ("a;b\n1;2\n", "one column was found with the delimiter ',', and its name has semicolons"),
        ("a\tb\n1\t2\n", "its name has tabs"),
        ("a,b\n1,2\n3\n", "row 2 has 1 cells, and there are 2 columns"),
        ("a,b\n1,2,3\n", "row 1 has 3 cells, and there are 2 columns"),
        ("a,,b\n1,2,3\n", "column 2 of 3 has no name"),
        ("a,b, a \n1,2,3\n", "several columns have the name a: rename them"),
        ('a,b\n1,"2\n', "not a CSV file"),
        ("a,b\n" + numbered(100, lambda i: "inf" if i == 4 else i), "b: row 5 has inf among numbers"),
        ("a,b\n" + numbered(100, lambda i: "5O" if i == 4 else i), "b: row 5 has 5O among numbers"),
        ("a,b\n" + numbered(100, lambda i: 10**17 + i), "b: has integers above 2⁵³, as identifiers do"),
        ("a,b\n" + numbered(100, lambda i: f"1e{300 + i}"), "numbers that are too large"),
        ("a,b\n" + numbered(MANY, "name {}".format), f"b: has {MANY:,} different values in {MANY:,} rows"),
        ("a,b\n,\n,?\n", "no column has values"),
        ("a,b\nx,???\ny,z\n", "b: the value ??? means something else in a config: write another text"),
        ("a,b\nx,${y}\ny,z\n", "b: the value ${y} means something else in a config: write another text"),
    ],
    ids=lambda value: value[:30],
)
def test_bad_file_is_refused_in_one_line(called, tmp_path, text, message):
    code, said = called(gan_schema.main, write(tmp_path / "a.csv", text))
    assert code == 2
    assert said.splitlines()[-1].startswith(f"error: {tmp_path / 'a.csv'}: ")
    assert message in said.splitlines()[-1]


@pytest.mark.parametrize(("encoding", "byte"), [("latin-1", "0xfc"), ("utf-16", "0xff")])
def test_other_encoding_is_refused(called, tmp_path, encoding, byte):
    code, said = called(gan_schema.main, write(tmp_path / "a.csv", "name,x\nMüller,1\n", encoding))
    assert code == 2
    assert f"byte {byte} is not UTF-8 text: save the file as UTF-8" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "nothing.csv: no such file"),
        (["."], ".: is a folder"),
        (["a.csv", "--target", "c"], "a.csv: has no column c: its columns are a, b"),
        (["a.csv", "--target", "b"], "b: is a number and has 100 different values: a target has at most 50"),
        (["a.csv", "--drop", "c"], "has no column c"),
        (["a.csv", "--delimiter", ";;"], "a.csv: the delimiter ';;' must be one character"),
        (["a.csv", "--delimiter", ""], "a.csv: the delimiter '' must be one character"),
        (["a.csv", "--output", "no/such/a.yaml"], "--output no/such/a.yaml: "),
        (["a.parquet"], "a.parquet: not a Parquet file"),
        (["nested.parquet"], "x is List(Int64): make it text, a number or a date"),
        (["none.parquet"], "none.parquet: has columns and no rows"),
    ],
)
def test_bad_argument_is_refused_in_one_line(called, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.csv", "a,b\n" + numbered(100, str))
    write(tmp_path / "a.parquet", "a,b\n")
    polars.DataFrame({"x": [[1]]}).write_parquet("nested.parquet")
    polars.DataFrame({"x": []}).write_parquet("none.parquet")
    code, said = called(gan_schema.main, *arguments)
    assert code == 2
    assert said.splitlines()[-1].startswith("error: ")
    assert message in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: {kind: number}", "x.kind=number: must be 'category'"),
        ("x: [1", "not a YAML file"),
        ("", "must name at least one column"),
        ("x: {kind: integer, bins: many}", "x.bins=many"),
    ],
)
def test_bad_schema_file_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=r"schema\.yaml") as error:
        load_schema(write(tmp_path / "schema.yaml", text))
    assert message in str(error.value)
