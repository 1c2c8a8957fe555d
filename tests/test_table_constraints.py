"""Constraints between columns, which every generated row keeps."""

import csv
import operator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import ks_2samp

from gan_lightning.commands import verify as gan_verify
from gan_lightning.data.table_schema import load_constraints, load_schema
from gan_lightning.errors import UserError
from gan_lightning.modalities.constraints import Constraints
from gan_lightning.modalities.table import Table
from gan_lightning.provenance import identity
from tests.tables import write_rows

COMPARE = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq}
SCHEMA = {
    "a": {"kind": "integer", "bins": 8},
    "b": {"kind": "real", "decimals": 1, "bins": 8, "missing": True},
    "c": {"kind": "real", "bins": 8},
    "start": {"kind": "date", "bins": 8, "missing": True},
    "end": {"kind": "date", "bins": 8},
    "city": {"kind": "category", "values": ["Bern", "Basel"]},
}


def keeps(table, text, content):
    """Return True for the rows that keep a constraint, by a plain comparison of floats."""
    left, sign, right = text.split()
    a, b = content[:, table.index(left)], content[:, table.index(right)]
    return COMPARE[sign](a, b) | a.isnan() | b.isnan()


def random_table(random):
    """Return a table with random columns, fitted or declared, and random constraints that can be kept."""
    schema = {}
    for i in range(random.integers(2, 6)):
        node = {"kind": str(random.choice(["integer", "real"])), "missing": bool(random.random() < 0.4)}
        if node["kind"] == "real" and random.random() < 0.7:
            node["decimals"] = int(random.integers(0, 3))
        if random.random() < 0.4:
            node["edges"] = np.cumsum(random.integers(1, 6, random.integers(2, 7))).tolist()
        else:
            node["bins"] = int(random.integers(1, 9))
        schema[f"x{i}"] = node
    names = random.permutation(list(schema)).tolist()
    constraints = []
    for i, j in zip(range(len(names) - 1), range(1, len(names)), strict=True):
        if random.random() < 0.8:
            sign = str(random.choice(["<=", "<", "<=", "=="]))
            one, other = (names[i], names[j]) if random.random() < 0.5 else (names[j], names[i])
            flipped = sign.replace("<", ">") if one == names[j] else sign
            constraints.append(f"{one} {flipped} {other}")
    try:
        table = Table(schema, constraints)
    except UserError:  # the edges of declared columns exclude each other
        return random_table(random)
    content = np.column_stack(
        [
            random.normal(random.uniform(0, 8), random.uniform(0.1, 5), 60).round(one.grid or 0)
            if one.grid is not None
            else random.normal(random.uniform(0, 8), random.uniform(0.1, 5), 60)
            for one in table.columns
        ]
    )
    table.fit(torch.from_numpy(content))
    return table, constraints


def random_slots(table, n, random):
    return torch.from_numpy(np.column_stack([random.integers(0, block, n) for block in table.blocks]))


@pytest.mark.parametrize("seed", range(60))
def test_rows_of_random_tables_keep_their_constraints(seed):
    random = np.random.default_rng(seed)
    table, constraints = random_table(random)
    slots = random_slots(table, 200, random)
    content = table.from_codes(slots)
    table.check(content)
    for text in constraints:
        assert keeps(table, text, content).all(), text
    table.check_constraints(content, "rows")
    assert torch.equal(table.from_codes(slots[50:60]).nan_to_num(-1e9), content[50:60].nan_to_num(-1e9))
    free = Table(table.schema)
    free.load_state(table.state())
    drawn = free.from_codes(slots)
    assert torch.equal(drawn.isnan(), content.isnan())
    kept = torch.stack([torch.ones(len(slots), dtype=torch.bool), *(keeps(table, one, drawn) for one in constraints)])
    assert torch.equal(drawn[kept.all(0)].nan_to_num(-1e9), content[kept.all(0)].nan_to_num(-1e9))
    for one, numbers in zip(table.columns, content.numpy().T, strict=True):
        if one.edges:  # a declared column has no value beyond its edges
            assert one.edge_numbers[0] <= np.nanmin(numbers, initial=np.inf)
            assert np.nanmax(numbers, initial=-np.inf) <= one.edge_numbers[-1]


@pytest.mark.parametrize("texts", [["x <= y", "y < z"], ["x < y", "z >= x"], ["x == y", "y <= z"], ["z > y", "x <= z"]])
def test_rows_stay_in_their_bins_if_values_in_them_keep_the_constraints(texts):
    """A loop over all values of three bins says whether they have a row that keeps the constraints."""
    edges = {"x": [0, 2, 4, 6, 9], "y": [1, 3, 5, 9], "z": [0, 1, 4, 9]}
    table = Table({name: {"kind": "integer", "edges": one} for name, one in edges.items()}, texts)
    slots = torch.tensor(list(product(*map(range, table.blocks))))
    content = table.from_codes(slots)
    stayed = (table.codes(content) == slots).all(1)
    for row, is_in_bins in zip(slots.tolist(), stayed.tolist(), strict=True):
        bins = [one.declared_bins[slot].astype(int) for one, slot in zip(table.columns, row, strict=True)]
        values = torch.tensor(list(product(*(range(low, high + 1) for low, high in bins))), dtype=torch.float64)
        possible = torch.stack([keeps(table, text, values) for text in texts]).all(0).any()
        assert is_in_bins == possible


def test_larger_column_moves_to_the_nearest_admissible_bin():
    table = Table({name: {"kind": "integer", "edges": [0, 10, 20, 30, 40]} for name in ("x", "y")}, ["x <= y"])
    slots = torch.tensor([[2, 0], [2, 1], [3, 2], [0, 3]])
    content = table.from_codes(slots)
    free = Table(table.schema).from_codes(slots)
    assert torch.equal(content[:, 0], free[:, 0])  # the smaller column keeps its value
    assert table.codes(content).tolist() == [[2, 2], [2, 2], [3, 3], [0, 3]]


def test_smaller_column_moves_if_the_larger_cannot():
    schema = {"x": {"kind": "integer", "edges": [0, 10, 50]}, "y": {"kind": "integer", "edges": [0, 5, 20]}}
    content = Table(schema, ["x < y"]).from_codes(torch.tensor([[1, 0], [1, 1]]))
    assert (content[:, 0] < content[:, 1]).all()
    assert (content[:, 1] <= 20).all()
    assert (content[:, 0] >= 10).all()  # 10 to 19 are still in its bin


def test_missing_values_keep_any_constraint():
    table = Table(SCHEMA, ["a <= b", "start <= end"])
    random = np.random.default_rng(0)
    table.fit(torch.from_numpy(np.column_stack([random.normal(50, 20, 300).round(1) for _ in range(5)] + [[0] * 300])))
    slots = random_slots(table, 500, random)
    slots[:, 1], slots[:, 3] = table.blocks[1] - 1, table.blocks[3] - 1
    content, free = table.from_codes(slots), Table(SCHEMA)
    free.load_state(table.state())
    assert content[:, [1, 3]].isnan().all()
    assert torch.equal(content.nan_to_num(-1), free.from_codes(slots).nan_to_num(-1))


def test_drawn_values_are_spread_over_the_admissible_part_of_a_bin():
    """Rows that violate x <= y in one bin get a value of y between x and the end of the bin, not one value."""
    schema = {name: {"kind": "real", "edges": [0, 1]} for name in ("x", "y")} | {"id": {"kind": "integer", "bins": 1}}
    table = Table(schema, ["x <= y"])
    table.load_state({"bins": {"id": torch.zeros(1, 2)}})
    rows = torch.cat([torch.zeros(20_000, 2, dtype=torch.int64), torch.arange(20_000)[:, None]], 1)
    x, y, _ = table.from_codes(rows).T
    free = Table(schema)
    free.load_state(table.state())
    drawn = free.from_codes(rows)
    moved = drawn[:, 0] > drawn[:, 1]
    assert moved.double().mean().item() == pytest.approx(0.5, abs=0.02)
    place = ((y - x) / (1 - x))[moved]
    assert ks_2samp(place, np.linspace(0, 1, 1000)).pvalue > 0.01


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a b"], "a b: must compare two columns: the operators are <, <=, ==, >= and >, as in start <= end"),
        ([""], ": must compare two columns"),
        (["a <= d"], "a <= d: there is no column d: the columns are a, b, c"),
        (["a <= 5"], "there is no column 5: .*minimum and maximum limit a column by a number"),
        (["a <="], "there is no column : "),
        (["a <= city"], "city is of kind category: compare numbers, or dates"),
        (["a <= start"], "compares a date with a number"),
        (["a < a"], "compares a column with itself"),
        (["a <= b", "b < c", "a >= c"], "cannot each be smaller than the next"),
        (["a == b", "a < b"], "cannot each be smaller than the next"),
        (["low >= high"], "low >= high: the limits of the columns leave no value for high"),
    ],
)
def test_bad_constraints_are_refused_in_one_line(texts, message):
    limits = {"low": {"kind": "integer", "bins": 2, "maximum": 3}, "high": {"kind": "integer", "edges": [4, 8]}}
    with pytest.raises(UserError, match=f"^data.constraints: .*{message}") as error:
        Table(SCHEMA | limits, texts)
    assert "\n" not in str(error.value)


def test_names_may_have_spaces_and_operators_in_them():
    table = Table({name: {"kind": "integer", "edges": [0, 3, 9]} for name in ("age in years", "a<b", "b")}, ["a<b<b"])
    assert [(one.smaller, one.larger) for one in table.constraints.constraints] == [(1, 2)]
    texts = ["age in years>=a<b"]
    found = Constraints(texts, table.columns, "here").constraints[0]
    assert (found.smaller, found.larger, found.strict, found.text) == (1, 0, False, texts[0])


# Commands -------------------------------------------------------------------------------------------------------------

SMALL = ["model=table_label", "trainer=cpu", "max_iterations=4", "hydra.run.dir=run"]
OWN = ["data=table", "data.csv=stays.csv", "data.target=ill"]
DATED = ["admitted", "discharged", "born", "ill"]


def write_stays(path, n=200):
    """Write stays in a hospital, up to 9 days long, whose dates a model without their pairs mixes up."""
    random = np.random.default_rng(0)
    start = np.datetime64("2020-01-01") + random.integers(0, 1000, n)
    born = np.datetime64("1950-01-01") + random.integers(0, 20_000, n)
    rows = [
        [str(start[i]), str(start[i] + random.integers(0, 9)), str(born[i]), str(random.choice(["no", "yes"]))]
        for i in range(n)
    ]
    rows[5][1] = "" if n > 5 else rows[5][1]
    return write_rows(path, rows, DATED)


def violations(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stays = [row for row in rows if row["discharged"]]
    return sum(row["admitted"] > row["discharged"] for row in stays), sum(
        row["born"] >= row["admitted"] for row in rows
    )


@pytest.mark.slow
def test_generated_rows_keep_the_constraints_and_verify(run, called, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    write_stays(tmp_path / "stays.csv")
    assert run("train", *OWN, *SMALL[:-1], "hydra.run.dir=free").code == 0
    assert run("generate", "checkpoint=free", "n=300", "format=files", "output=free_rows").code == 0
    assert violations("free_rows/samples.csv")[0] > 50
    result = run("train", *OWN, *SMALL, 'data.constraints=["admitted <= discharged","born < admitted"]')
    assert result.code == 0, result.err
    result = run("generate", "checkpoint=run", "n=300", "sign=true", "output=rows", "ledger=ledger")
    assert result.code == 0, result.err
    assert violations("rows/samples.csv") == (0, 0)
    bare = Path("bare.csv")
    bare.write_bytes(Path("rows/samples.csv").read_bytes())
    assert "regenerates" in called(gan_verify.main, bare, "--checkpoint", "run", "--n", "300")[1]


@pytest.mark.slow
def test_schema_file_has_constraints(run, tmp_path):
    write_stays(tmp_path / "stays.csv")
    schema = {
        "constraints": ["admitted <= discharged"],
        "admitted": {"kind": "date", "bins": 9},
        "discharged": {"kind": "date", "bins": 9, "missing": True},
        "born": {"kind": "date", "bins": 9},
        "ill": {"kind": "category", "values": ["no", "yes"]},
    }
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(schema, sort_keys=False), encoding="utf-8")
    assert load_constraints(path) == ["admitted <= discharged"]
    assert list(load_schema(path)) == DATED
    result = run("train", *OWN, *SMALL, "data.schema=schema.yaml")
    assert result.code == 0, result.err
    path.unlink()  # the checkpoint has the constraints
    assert run("generate", "checkpoint=run", "n=300", "format=files", "output=rows").code == 0
    assert violations("rows/samples.csv")[0] == 0


def test_column_may_be_called_constraints(tmp_path):
    path = tmp_path / "schema.yaml"
    path.write_text("constraints: {kind: integer, bins: 3}", encoding="utf-8")
    assert load_schema(path) == {"constraints": {"kind": "integer", "bins": 3}}
    assert load_constraints(path) == []
    path.write_text("constraints: [[a]]\na: {kind: integer, bins: 3}", encoding="utf-8")
    with pytest.raises(UserError, match=r"schema\.yaml: constraints: \['a'\]: must be a text"):
        load_constraints(path)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ('["discharged <= admitted"]', "data: 1"),
        ('["admitted <= left"]', "data.constraints: admitted <= left: there is no column left"),
        ('["admitted"]', "data.constraints: admitted: must compare two columns"),
        ("admitted", "data.constraints=admitted"),
        ("[3]", "data.constraints"),
    ],
)
def test_bad_constraints_of_a_command_are_refused_in_one_line(run, tmp_path, constraints, message):
    write_stays(tmp_path / "stays.csv")
    result = run("train", *OWN, *SMALL, f"data.constraints={constraints}")
    assert result.code == 2
    assert message in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_rows_that_violate_a_constraint_are_counted_and_the_first_is_named(run, tmp_path):
    path = write_stays(tmp_path / "stays.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    for row in (7, 30):
        cells = lines[row].split(",")
        lines[row] = ",".join(["2030-01-01", *cells[1:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    result = run("train", *OWN, *SMALL, 'data.constraints=["admitted <= discharged"]')
    assert result.code == 2
    assert result.err.splitlines()[-1] == (
        "error: data: 2 of 200 rows violate admitted <= discharged, the first is row 7: correct or remove them, or "
        "leave this constraint out"
    )
