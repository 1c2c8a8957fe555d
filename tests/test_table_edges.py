"""Bins that a schema declares: they do not depend on rows."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import kstest

from gan_lightning.data.breast_cancer import load_breast_cancer
from gan_lightning.data.table_schema import load_schema
from gan_lightning.errors import UserError
from gan_lightning.modalities.columns import describe_columns, read_schema
from gan_lightning.modalities.table import Table
from gan_lightning.paths import PACKAGE
from gan_lightning.runs.checkpoints import load
from tests.tables import packaged_columns, write_people

SCHEMA = {
    "age": {"kind": "integer", "edges": {"from": 17, "to": 21, "step": 1}, "missing": True},
    "gain": {"kind": "integer", "edges": [0, 1, 10, 100]},
    "price": {"kind": "real", "decimals": 2, "edges": [0, 0.125, 1, 2.5]},
    "weight": {"kind": "real", "edges": [-1, 0, 0.1]},
    "day": {"kind": "date", "edges": ["2020-01-01", "2020-01-02", "2020-03-01"]},
    "city": {"kind": "category", "values": ["Bern", "Basel"]},
}


def column(**described):
    return read_schema({"x": described}, "schema")[0]


def codes(column, values):
    table = Table(describe_columns([column]))
    return table.codes(torch.tensor(values, dtype=torch.float64)[:, None])[:, 0].tolist()


def days(text):
    return float((datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days)


def test_values_are_in_the_bins_of_numpy_histogram():
    edges = [0.0, 0.1, 0.25, 1.0, 7.0]
    values = [*edges, *np.nextafter(edges[1:], -np.inf), *np.random.default_rng(0).uniform(0, 7, 200)]
    for decimals in (None, 3):
        found = codes(column(kind="real", edges=edges, decimals=decimals), values)
        assert np.bincount(found, minlength=4).tolist() == np.histogram(values, edges)[0].tolist()


def test_values_beyond_the_edges_are_in_the_outer_bins():
    assert codes(column(kind="integer", edges=[0, 10, 20, 30]), [-100, -1, 10, 30, 31, 1e9]) == [0, 0, 1, 2, 2, 2]


def test_bins_of_integers_one_apart_hold_single_values():
    one = column(kind="integer", edges={"from": 17, "to": 21, "step": 1}, maximum=20)
    assert one.declared_bins.tolist() == [[17, 17], [18, 18], [19, 19], [20, 20]]
    assert one.slots == 4


def test_last_bin_is_closed():
    assert column(kind="integer", edges=[0, 10, 20]).declared_bins.tolist() == [[0, 9], [10, 20]]
    assert column(kind="real", decimals=1, edges=[0, 0.25, 0.5]).declared_bins.tolist() == [[0, 0.2], [0.3, 0.5]]
    assert column(kind="integer", edges=[0.5, 2.5, 3.9]).declared_bins.tolist() == [[1, 2], [3, 3]]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"from": 0, "to": 1, "step": 0.1}, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        ({"from": 0, "to": 5, "step": 2}, [0, 2, 4, 5]),
        ({"from": "-1", "to": "2", "step": "1.5"}, [-1, 0.5, 2]),
    ],
)
def test_range_stands_for_equally_wide_bins(edges, expected):
    assert column(kind="real", edges=edges).edge_numbers == expected


def test_edges_of_dates_have_the_format_of_the_column():
    listed = column(kind="date", format="%d.%m.%Y", edges=["01.02.2020", "01.03.2020", "03.03.2020"])
    assert listed.declared_bins.tolist() == [
        [days("2020-02-01"), days("2020-02-29")], [days("2020-03-01"), days("2020-03-03")]
    ]  # fmt: skip
    weekly = column(kind="date", edges={"from": "2020-01-01", "to": "2020-01-20", "step": 7})
    assert weekly.edge_numbers == [days(f"2020-01-{day:02}") for day in (1, 8, 15, 20)]


def test_decoded_values_are_uniform_in_their_declared_bins():
    """A hash of the row draws the value, so that a column of numbers makes 20,000 rows differ."""
    table = Table({"x": {"kind": "real", "edges": [0, 1, 3]}, "id": {"kind": "integer", "bins": 1}})
    table.load_state({"bins": {"id": torch.zeros(1, 2)}})
    for code, (low, high) in enumerate([(0, 1), (1, 3)]):
        rows = torch.stack([torch.full((5000,), code), torch.arange(5000)], 1)
        decoded = table.from_codes(rows)[:, 0].numpy()
        assert kstest(decoded, "uniform", (low, high - low)).pvalue > 0.01
        assert (decoded < high).all()


def test_declared_table_needs_no_rows_and_has_no_state():
    table = Table(SCHEMA)
    assert table.declared
    assert [one.declared for one in table.columns] == [True] * 6
    assert table.state() == {}
    random = np.random.default_rng(0)
    slots = torch.from_numpy(np.column_stack([random.integers(0, block, 300) for block in table.blocks]))
    content = table.check(table.from_codes(slots))
    assert torch.equal(table.codes(content), slots)
    before = {name: bins.clone() for name, bins in table.bins.items()}
    table.fit(content[:50])
    assert table.state() == {}
    assert all(torch.equal(bins, table.bins[name]) for name, bins in before.items())


def test_only_fitted_bins_are_state():
    table = Table(SCHEMA | {"height": {"kind": "integer", "bins": 4}})
    assert not table.declared
    content = torch.tensor([[18, 0, 0, 0, days("2020-01-01"), 0, i] for i in range(9)], dtype=torch.float64)
    table.fit(content)
    assert list(table.state()["bins"]) == ["height"]
    other = Table(table.schema)
    other.load_state(table.state())
    assert torch.equal(other.encode(content), table.encode(content))


@pytest.mark.parametrize("compact", [True, False])
def test_schema_file_reads_as_the_schema(tmp_path, compact):
    schema = SCHEMA | ({} if compact else {"age": SCHEMA["age"] | {"edges": [17, 18, 19, 20, 21]}})
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(schema), encoding="utf-8")
    assert load_schema(path) == schema
    assert describe_columns(read_schema(schema, "schema")) == schema


def test_bins_may_repeat_the_number_of_declared_bins():
    assert describe_columns([column(kind="integer", edges=[0, 1, 2], bins=2)]) == {
        "x": {"kind": "integer", "edges": [0, 1, 2]}
    }


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"edges": [1, 2, 3], "bins": 3}, "bins=3: edges has 2 bins: leave bins out"),
        ({"edges": [1]}, "edges must be 2 to 10,000 values, not 1"),
        ({"edges": []}, "edges must be 2 to 10,000 values, not 0"),
        ({"edges": [1, 3, 3]}, "edges must be finite and increase, and 3 follows 3"),
        ({"edges": [1, float("inf")]}, "edges must be finite and increase, and inf follows 1"),
        ({"edges": [1, "two"]}, r"\.edges=\[1, 'two'\]: two is no number"),
        ({"edges": 5}, r"\.edges=5: must be a valid list"),
        ({"edges": [1, [2]]}, r"\.edges=\[1, \[2\]\]: must be a valid integer"),
        ({"edges": {"from": 1, "to": 5}}, "edges must be a list, or a mapping of from, to and step"),
        ({"edges": {"from": 1, "to": 5, "step": 0}}, "edges: from, to and step must give at most 10,000 increasing"),
        ({"edges": {"from": 1, "to": 1e9, "step": 1}}, "edges: from, to and step must give at most 10,000 increasing"),
        ({"edges": {"from": 5, "to": 1, "step": 1}}, "edges: from, to and step must give at most 10,000 increasing"),
        ({"edges": {"from": 1, "to": 5, "step": "a"}}, "a is no number"),
        (
            {"kind": "date", "edges": {"from": "2020-01-01", "to": "2021-01-01", "step": "a"}},
            "step=a: must be a number",
        ),
        ({"edges": [0, 0.2, 0.8, 2]}, "edges: the column has no value in bin 2, from 0.2 to 0.8"),
        ({"edges": [0, 5, 9], "maximum": 4}, "edges: the column has no value in bin 2, from 5 to 9"),
        ({"kind": "date", "edges": ["2020-01-01", "May"]}, "May: is no date of format %Y-%m-%d"),
        ({"kind": "category", "values": ["a"], "edges": [0, 1]}, "edges are for numbers and dates: leave edges out"),
    ],
)
def test_wrong_edges_are_refused_in_one_line(described, message):
    with pytest.raises(UserError, match=f"schema: x.*{message}") as error:
        column(**{"kind": "integer"} | described)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["adult", "breast_cancer"])
def test_declared_schema_has_the_columns_and_values_of_the_other(name):
    declared, fitted = (packaged_columns(f"{name}{suffix}") for suffix in ("_declared", ""))
    assert all(one.declared for one in declared)
    for one, other in zip(declared, fitted, strict=True):
        keys = ("name", "kind", "values", "missing", "decimals")
        assert one.model_dump(include=set(keys)) == other.model_dump(include=set(keys))


def test_measurements_are_within_the_declared_edges():
    for one, numbers in zip(packaged_columns("breast_cancer_declared"), load_breast_cancer().data.T, strict=False):
        assert one.edge_numbers[0] <= numbers.min()
        assert numbers.max() <= one.edge_numbers[-1]
        assert 12 <= one.slots <= 20


def test_adult_is_within_the_declared_edges(run, real_data):
    small = ["model=table_independent", "trainer=cpu", "max_iterations=1", "hydra.run.dir=run"]
    result = run("train", "data=adult_declared", f"data.root={real_data('adult')}", *small)
    assert result.code == 0, result.err  # the digest of the rows is that of data=adult
    trained = load("run")
    trained.data.setup("test")
    rows = torch.cat([trained.data.examples.content, trained.data.test_examples.content])
    for one, numbers in zip(trained.data.modality.columns, rows.numpy().T, strict=True):
        if not one.is_category:
            assert one.edge_numbers[0] <= np.nanmin(numbers)
            assert np.nanmax(numbers) <= one.edge_numbers[-1]


@pytest.mark.slow
def test_run_with_declared_bins_generates_rows_within_them(run, tmp_path):
    small = ["model=table_tan", "trainer=cpu", "max_iterations=2", "hydra.run.dir=run"]
    result = run("train", "data=breast_cancer_declared", *small)
    assert result.code == 0, result.err
    assert load("run").data.modality.declared
    result = run("generate", "checkpoint=run", "n=200", "format=files", "output=rows")
    assert result.code == 0, result.err
    table = Table(load_schema(PACKAGE / "data/schemas/breast_cancer_declared.yaml"))
    rows = table.read(tmp_path / "rows")
    for one, numbers in zip(table.columns[:-1], rows.numpy().T, strict=False):
        assert one.edge_numbers[0] <= numbers.min()
        assert numbers.max() <= one.edge_numbers[-1]


def test_own_schema_file_with_edges_trains(run, tmp_path):
    write_people(tmp_path / "people.csv")
    schema = {
        "age": {"kind": "integer", "edges": {"from": 18, "to": 90, "step": 8}, "missing": True},
        "joined": {"kind": "date", "edges": {"from": "2020-01-01", "to": "2023-01-01", "step": 100}},
        "ill": {"kind": "category", "values": ["no", "yes"]},
    }
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump(schema), encoding="utf-8")
    own = ["data=table", "data.csv=people.csv", "data.target=ill", "data.schema=schema.yaml"]
    result = run("train", *own, "model=table_tan", "trainer=cpu", "max_iterations=2", "hydra.run.dir=run")
    assert result.code == 0, result.err
    manifest = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["data"]["columns"]["age"]["edges"] == {"from": 18, "to": 90, "step": 8}
    assert run("generate", "checkpoint=run", "n=20", "format=files", "output=rows").code == 0
