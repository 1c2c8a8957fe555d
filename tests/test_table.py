"""The modality of tables: bins, encoding, files and checks."""

import csv
import datetime

import numpy as np
import polars
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from scipy.stats import ks_2samp

from gan_lightning.data.table_schema import infer_schema
from gan_lightning.errors import UserError
from gan_lightning.modalities.bins import MIN_ROWS, draw_in_bins, find_segments, fit_bins
from gan_lightning.modalities.columns import describe_columns, read_schema
from gan_lightning.modalities.table import Table
from gan_lightning.modalities.table_files import parse_cells, read_rows
from tests.tables import write_people

SCHEMA = {
    "age": {"kind": "integer", "bins": 8, "missing": True},
    "city": {"kind": "category", "values": ["Bern", 'a "quoted", one', "NA", " spaced"], "missing": True},
    "size": {"kind": "ordered", "values": ["small", "large"]},
    "price": {"kind": "real", "decimals": 2, "bins": 8},
    "weight": {"kind": "real", "bins": 8, "missing": True},
    "joined": {"kind": "date", "format": "%d.%m.%Y", "bins": 8, "missing": True},
}


def rows(n, seed=0):
    random = np.random.default_rng(seed)
    columns = [
        random.integers(-5, 90, n).astype(float),
        random.integers(0, 4, n).astype(float),
        random.integers(0, 2, n).astype(float),
        np.round(random.gamma(2, 50, n), 2),
        random.normal(0, 1e-3, n),
        random.integers(-20_000, 20_000, n).astype(float),
    ]
    for column, node in zip(columns, SCHEMA.values(), strict=True):
        if node.get("missing"):
            column[random.random(n) < 0.2] = np.nan
    return torch.from_numpy(np.column_stack(columns))


@pytest.fixture
def table():
    table = Table(SCHEMA)
    table.fit(rows(300))
    return table


def same(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


# Encoding -------------------------------------------------------------------------------------------------------------


def test_blocks_follow_from_the_schema_alone():
    table = Table(SCHEMA)
    assert table.blocks == [9, 5, 2, 8, 9, 9]
    assert table.sample_shape == (42,)
    assert table.content_shape == (6,)


def test_each_block_is_a_one_hot_vector_and_a_missing_value_takes_its_last_slot(table):
    content = rows(100, seed=1)
    for column, numbers, block in zip(
        table.columns, content.T, table.encode(content).split(table.blocks, 1), strict=True
    ):
        assert (block.sum(1) == 1).all()
        assert ((block == 0) | (block == 1)).all()
        if column.missing:
            assert torch.equal(block[:, -1] == 1, numbers.isnan())


def test_decoded_rows_have_the_categories_and_bins_of_the_rows(table):
    content = rows(200, seed=2)
    decoded = table.decode(table.encode(content))
    table.check(decoded)
    assert same(decoded[:, 1:3], content[:, 1:3])
    assert torch.equal(table.codes(decoded), table.codes(content))


def test_decoding_is_a_function_of_the_row(table):
    sample = torch.randn(50, *table.sample_shape, generator=torch.Generator().manual_seed(0))
    decoded = table.decode(sample)
    assert same(decoded, table.decode(sample))
    assert same(decoded[7:9], table.decode(sample[7:9]))
    assert same(decoded[[3, 1]], table.decode(2 * sample[[3, 1]]))


def test_values_within_a_bin_are_uniform_over_rows():
    table = Table({"x": {"kind": "real", "bins": 1}, "k": {"kind": "integer", "bins": 128}})
    content = torch.stack([torch.linspace(0, 1, 20_000).double(), torch.arange(20_000).double()], 1)
    table.fit(content)
    codes = torch.stack([torch.zeros(128), torch.arange(128)], 1).long()
    assert ks_2samp(table.from_codes(codes)[:, 0], np.linspace(0, 1, 1000)).pvalue > 0.01


def test_bins_that_are_not_fitted_are_refused():
    with pytest.raises(ValueError, match="not been fitted"):
        Table(SCHEMA).encode(rows(3))


def test_state_restores_the_bins(table):
    other = Table(SCHEMA)
    other.load_state(table.state())
    content = rows(50, seed=3)
    assert torch.equal(other.encode(content), table.encode(content))
    with pytest.raises(ValueError, match="do not fit the columns"):
        Table({"age": SCHEMA["age"]}).load_state(table.state())


# Bins -----------------------------------------------------------------------------------------------------------------


def test_each_of_few_frequent_values_is_an_atom():
    values = np.repeat([0.0, 1.0, 4.0], [50, 20, 30])
    assert fit_bins(values, 64, 0).tolist() == [[0, 0], [1, 1], [4, 4]]


def test_spikes_of_a_mixed_column_are_atoms():
    """A column like capital-gain, whose values are mostly 0, has atoms for the frequent values."""
    random = np.random.default_rng(0)
    values = np.concatenate([np.zeros(900), np.full(50, 99_999), np.round(random.uniform(100, 20_000, 500))])
    bins = fit_bins(values, 16, 0)
    assert len(bins) == 16
    atoms = bins[bins[:, 0] == bins[:, 1], 0].tolist()
    assert {0, 99_999} <= set(atoms)


@pytest.mark.slow
@given(
    values=hypothesis_numpy.arrays(float, st.integers(1, 300), elements=st.integers(-50, 50).map(float)),
    most=st.integers(1, 40),
    grid=st.sampled_from([0, 1, None]),
)
@settings(deadline=None)
def test_fitted_bins_are_few_hold_enough_rows_and_map_to_themselves(values, most, grid):
    bins = fit_bins(values, most, grid)
    assert 1 <= len(bins) <= most
    assert (bins[:, 0] <= bins[:, 1]).all()
    thresholds, segments = find_segments(bins)
    assert (np.diff(thresholds) >= 0).all()

    def codes(numbers):
        return segments[np.searchsorted(thresholds, numbers, side="right")]

    enough = min(MIN_ROWS, max(len(values) // 20, 1))
    is_atom = bins[:, 0] == bins[:, 1]
    counts = np.bincount(codes(values), minlength=len(bins))
    if len(values) >= enough * most:
        assert (counts[is_atom] >= min(enough, len(values))).all() or len(bins) == 1
    assert np.array_equal(codes(bins[is_atom, 0]), np.flatnonzero(is_atom))
    inside = draw_in_bins(bins, codes(values), np.full(len(values), 0.5), grid)
    chosen = bins[codes(values)]
    assert ((chosen[:, 0] - 1e-9 <= inside) & (inside <= chosen[:, 1] + 1e-9)).all()


def test_bin_of_rare_values_around_an_atom_is_not_stored_twice():
    values = np.repeat([0.0, 1.0, -1.0], [38, 1, 1])
    assert fit_bins(values, 21, 0).tolist() == [[0, 0]]


def test_number_after_an_atom_at_zero_is_no_subnormal_number():
    thresholds, _ = find_segments(np.array([[-1.0, 1.0], [0.0, 0.0]]))
    assert thresholds[1] >= np.finfo(float).tiny


def test_no_rare_value_is_stored():
    random = np.random.default_rng(0)
    values = random.normal(size=2000)
    bins = fit_bins(values, 64, None)
    assert len(bins) == 64
    assert not np.isin(bins, values).any()


def test_bins_keep_the_distribution():
    random = np.random.default_rng(0)
    values = np.round(random.gamma(2, 100, 5000), 2)
    table = Table({"x": {"kind": "real", "decimals": 2, "bins": 64}, "id": {"kind": "integer", "bins": 128}})
    content = torch.from_numpy(np.column_stack([values, random.integers(0, 10_000, 5000)]))
    table.fit(content)
    decoded = table.decode(table.encode(content))[:, 0].numpy()
    assert ks_2samp(decoded, values).statistic < 0.01
    assert np.array_equal(np.round(decoded, 2), decoded)


def test_surplus_bins_repeat_the_last_and_are_not_used():
    table = Table({"x": {"kind": "integer", "bins": 5}})
    table.fit(torch.tensor([[0.0]] * 50 + [[1.0]] * 50).double())
    assert table.bins["x"].tolist() == [[0, 0], [1, 1], [1, 1], [1, 1], [1, 1]]
    assert table.codes(torch.tensor([[0.0], [1.0]]).double()).tolist() == [[0], [1]]
    assert table.from_codes(torch.tensor([[4]])).tolist() == [[1]]


def test_decoded_values_keep_the_declared_limits():
    table = Table({"x": {"kind": "real", "bins": 4, "minimum": 0, "maximum": 1}})
    table.fit(torch.linspace(-2, 2, 200)[:, None].double())
    decoded = table.from_codes(torch.arange(4)[:, None])
    assert (decoded >= 0).all()
    assert (decoded <= 1).all()


# Files ----------------------------------------------------------------------------------------------------------------


def test_csv_file_returns_the_content(table, tmp_path):
    content = rows(60, seed=4)
    assert table.write(content[:20], tmp_path) == table.write(content[20:], tmp_path, 20)
    assert same(table.read(tmp_path / "samples.csv"), content)
    with (tmp_path / "samples.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == list(SCHEMA)


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_any_content_comes_back_from_csv_and_parquet(data, tmp_path_factory):
    table = Table(SCHEMA)
    integers = st.integers(-(2**53), 2**53).map(float)
    missing = st.just(float("nan"))
    elements = [
        integers | missing,
        st.integers(0, 3).map(float) | missing,
        st.integers(0, 1).map(float),
        st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda x: float(np.round(x, 2))),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False) | missing,
        st.dates(datetime.date(1000, 1, 1)).map(lambda day: float((day - datetime.date(1970, 1, 1)).days)) | missing,
    ]
    content = torch.tensor(data.draw(st.lists(st.tuples(*elements), min_size=1, max_size=20)), dtype=torch.float64)
    content = content + 0.0  # files do not tell −0 from 0
    folder = tmp_path_factory.mktemp("any")
    table.write(content, folder)
    assert same(table.read(folder / "samples.csv"), content)
    table.frame(content).write_parquet(folder / "samples.parquet")
    assert same(table.read_file(folder / "samples.parquet"), content)


def test_data_frame_has_names_types_categories_and_nulls(table):
    frame = table.frame(rows(100))
    assert frame.columns == list(SCHEMA)
    assert frame.dtypes == [
        polars.Int64,
        polars.Enum(SCHEMA["city"]["values"]),
        polars.Enum(SCHEMA["size"]["values"]),
        polars.Float64,
        polars.Float64,
        polars.Date,
    ]
    assert frame["age"].null_count() > 0
    assert frame["weight"].is_nan().sum() == 0


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_table_of_polars_comes_back_with_an_inferred_schema(tmp_path, name):
    frame = polars.read_csv(write_people(tmp_path / "people.csv"), try_parse_dates=True)
    path = tmp_path / name
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    schema = infer_schema(path)
    assert {column: node["kind"] for column, node in schema.items()} == {
        "age": "integer",
        "region": "category",
        "amount": "real",
        "joined": "date",
        "ill": "category",
    }
    table = Table(schema)
    back = table.frame(table.read_file(path))
    assert back.cast({"region": polars.String, "ill": polars.String}).equals(frame)
    assert (back["age"].dtype, back["age"].null_count()) == (polars.Int64, frame["age"].null_count())


def test_parquet_strings_that_look_like_numbers_or_missing_stay_categories(tmp_path):
    frame = polars.DataFrame({"code": ["01", "NA", None, " x"] * 10, "flag": [True, False, None, True] * 10})
    frame.write_parquet(tmp_path / "a.parquet")
    schema = infer_schema(tmp_path / "a.parquet")
    assert schema["code"]["values"] == [" x", "01", "NA"]
    assert schema["flag"]["values"] == ["false", "true"]
    table = Table(schema)
    content = table.read_file(tmp_path / "a.parquet")
    assert table.frame(content)["code"].cast(polars.String).to_list() == frame["code"].to_list()
    table.write(content, tmp_path)
    assert same(table.read_file(tmp_path / "samples.csv"), content)


def test_digest_does_not_depend_on_quotes_line_ends_or_a_byte_order_mark(tmp_path):
    texts = ["a,b\n1,x y\n,2\n", '"a","b"\r\n"1",x y\r\n"","2"\r\n', "\ufeffa,b\n1,x y\n,2"]
    digests = set()
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.csv").write_text(text, encoding="utf-8", newline="")
        digests.add(Table.digest(tmp_path / f"{i}.csv"))
    assert len(digests) == 1
    for text in ("a,b\n1,x y\n,3\n", "a,b\n1,x\ny,\n2\n", "a,b\n1x, y\n,2\n"):
        (tmp_path / "other.csv").write_text(text, encoding="utf-8")
        assert Table.digest(tmp_path / "other.csv") not in digests


def test_numbers_are_written_with_the_decimals_of_the_column(tmp_path):
    table = Table({"x": {"kind": "real", "decimals": 2, "bins": 2}, "k": {"kind": "integer", "bins": 2}})
    table.write(torch.tensor([[1.5, 3], [0.125, -0.0]]).double(), tmp_path)
    assert (tmp_path / "samples.csv").read_text(encoding="utf-8") == "x,k\n1.50,3\n0.125,0\n"


@pytest.mark.parametrize("values", [["a", "b"], ["a,b", "c"], ['"a"', "b"], ["a\rb", "c"], ["a\nb", "c"], [" a", "#"]])
@pytest.mark.parametrize("others", [[], ["x"]])
def test_file_equals_that_of_a_csv_writer(tmp_path, values, others):
    table = Table(
        {values[0]: {"kind": "category", "values": values, "missing": True}}
        | {other: {"kind": "real", "bins": 1, "decimals": 2, "missing": True} for other in others}
    )
    content = torch.tensor([[0.0, 1.5], [1, -0.0], [float("nan")] * 2, [1, 1e17], [0, 0.125]]).double()
    content = content[:, : len(table.columns)]
    table.write(content, tmp_path)
    with (tmp_path / "expected.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        writer.writerows(zip(*table.texts(content), strict=True))
    assert (tmp_path / "samples.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


@given(numbers=st.lists(st.floats(-1e12, 1e12, allow_subnormal=False) | st.just(float("nan")), max_size=20))
@settings(deadline=None)
def test_texts_of_numbers_are_short_and_have_the_exact_numbers(numbers):
    column = read_schema({"x": {"kind": "real", "bins": 1, "decimals": 2}}, "schema")[0]
    for one in (numbers, [round(number, 2) for number in numbers]):
        expected = [f"{number:.2f}" if float(f"{number:.2f}") == number else repr(number) for number in one]
        expected = ["" if number != number else text for number, text in zip(one, expected, strict=True)]
        assert column.write(np.array(one)) == expected


def test_sheets_of_equally_many_rows_have_one_size(table):
    sheets = [table.sheet(table.decode(torch.randn(10, *table.sample_shape))) for _ in range(3)]
    assert sheets[0].dtype == np.uint8
    assert len({sheet.shape for sheet in sheets}) == 1
    assert sheets[0].std() > 10


def test_wide_table_is_drawn_with_the_number_of_columns_left_out():
    table = Table({f"column {i}": {"kind": "integer", "bins": 2} for i in range(100)})
    content = torch.zeros(200, 100, dtype=torch.float64)
    table.fit(content)
    height, width, _ = table.sheet(content).shape
    assert width < 2000
    assert height < 2000


# Bad content and bad schemas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, float("inf"), "age=inf is infinite"),
        (0, 1.5, "age=1.5 is no whole number"),
        (1, 4, "city=4 must be the index of one of 4 values"),
        (2, float("nan"), "size=nan is missing"),
        (2, -1, "size=-1 must be the index"),
    ],
)
def test_content_that_does_not_fit_is_refused(table, column, value, message):
    content = rows(5)
    content[3, column] = value
    with pytest.raises(UserError, match=f"row 4: {message}"):
        table.check(content)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"kind": "colour"}, r"x\.kind=colour: must be 'category'"),
        ({}, r"x\.kind: missing"),
        ({"kind": "integer"}, "needs bins"),
        ({"kind": "integer", "bins": 0}, r"x\.bins=0: must be greater than 0"),
        ({"kind": "integer", "bins": 2, "valeus": []}, r"x\.valeus: unknown key"),
        ({"kind": "category"}, "needs values"),
        ({"kind": "category", "values": ["a", "a"]}, "must be different"),
        ({"kind": "category", "values": ["a", ""]}, "none of them empty"),
        ({"kind": "category", "values": ["a"], "bins": 3}, "leave bins out"),
        ({"kind": "real", "bins": 3, "decimals": -1}, r"x\.decimals=-1"),
        ({"kind": "real", "bins": 3, "minimum": 2, "maximum": 1}, "minimum 2.0 is larger"),
        ({"kind": "date", "bins": 3, "minimum": "May"}, "May: is no date of format"),
        ({"kind": "integer", "bins": 3, "minimum": "low"}, "low"),
        (3, "must be a mapping"),
    ],
)
def test_wrong_schema_is_refused(node, message):
    with pytest.raises(UserError, match=f"where: x.*{message}|where: {message}"):
        read_schema({"x": node}, "where")


def test_schema_of_columns_describes_equal_columns():
    columns = read_schema(SCHEMA, "schema")
    assert read_schema(describe_columns(columns), "schema") == columns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,city,size,price,weight,joined\n1,Paris,small,1,1,01.01.2020\n", "row 1: city=Paris: the schema has only"),
        ("age,city,size,price,weight,joined\n1,Bern,,1,1,01.01.2020\n", "row 1: size is missing"),
        ("age,city,size,price,weight,joined\n1,Bern,small,cheap,1,01.01.2020\n", "row 1: price=cheap: is no real"),
        ("age,city,size,price,weight,joined\n1,Bern,small,inf,1,01.01.2020\n", "row 1: price=inf: is no real"),
        ("age,city,size,price,weight,joined\n1,Bern,small,1,1,2020-01-01\n", "is no date of the format %d.%m.%Y"),
        ("age,city,size,price,weight\n1,Bern,small,1,1\n", "has no column joined"),
    ],
)
def test_file_that_does_not_fit_the_schema_is_refused(table, tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        table.read(tmp_path / "a.csv")


def test_columns_may_be_in_another_order_and_others_are_left_out(table, tmp_path):
    content = rows(10)
    cells = dict(zip(SCHEMA, table.texts(content), strict=True))
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["more", *reversed(cells)])
        csv.writer(file).writerows(zip(["?"] * 10, *reversed(cells.values()), strict=True))
    assert same(table.read(path), content)
    assert same(parse_cells(path, table.columns, read_rows(path)), content)
