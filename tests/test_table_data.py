"""Tables as data: training, generating, signing and verifying through the commands."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from gan_lightning.commands import schema as gan_schema
from gan_lightning.commands import verify as gan_verify
from gan_lightning.data.breast_cancer import BreastCancer
from gan_lightning.data.public_tables import UCI
from gan_lightning.data.table_schema import load_schema
from gan_lightning.modalities.modality import modality_of
from gan_lightning.modalities.table import Table
from gan_lightning.paths import PACKAGE
from gan_lightning.provenance import identity
from tests.tables import packaged_columns, write_people, write_public_tables, write_rows, write_uci_files

SMALL = [
    "model=mlp",
    "model.generator.hidden_dims=[16]",
    "model.discriminator.hidden_dims=[16]",
    "trainer=cpu",
    "hydra.run.dir=run",
    "max_iterations=3",
]
OWN = ["data=table", "data.csv=people.csv", "data.target=ill", *SMALL]


def read_csv(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trained_data(run_dir="run"):
    return torch.load(Path(run_dir) / "checkpoints/last.ckpt", weights_only=False)


def test_modality_reads_csv_files():
    assert modality_of("samples.csv") is Table


def test_own_table_trains_and_its_rows_keep_values_and_types(run, tmp_path):
    write_people(tmp_path / "people.csv")
    result = run("train", *OWN)
    assert result.code == 0, result.err
    Path("people.csv").unlink()  # the checkpoint has the schema and the bins
    assert run("generate", "checkpoint=run", "n=50", "format=files", "output=rows").code == 0
    rows = read_csv("rows/samples.csv")
    assert len(rows) == 50
    assert list(rows[0]) == ["age", "region", "amount", "joined", "ill"]
    assert {row["region"] for row in rows} <= {"north", "south, far", 'the "west"'}
    assert all(row["age"] == "" or 18 <= int(row["age"]) < 90 for row in rows)
    assert all(row["joined"][:3] == "202" for row in rows)
    assert run("generate", "checkpoint=run", "n=50", "format=arrays", "output=rows.npz").code == 0
    with np.load("rows.npz") as arrays:
        assert (arrays["samples"].dtype, arrays["samples"].shape) == (np.float64, (50, 5))
    assert run("generate", "checkpoint=run", "n=8", "format=sheet", "output=sheet.png").code == 0
    assert np.asarray(Image.open("sheet.png")).std() > 1
    assert run("generate", "checkpoint=run", "n=4", "interpolate=3", "output=walk.gif").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["yes", '"ill=yes"', '"ill = yes"'])
def test_condition_is_a_value_of_the_target(run, tmp_path, condition):
    write_people(tmp_path / "people.csv")
    assert run("train", *OWN, "conditional=true").code == 0
    result = run("generate", "checkpoint=run", "n=9", f"condition={condition}", "format=arrays", "output=a.npz")
    assert result.code == 0, result.err
    with np.load("a.npz") as arrays:
        assert arrays["condition"].tolist() == [1] * 9
    result = run("generate", "checkpoint=run", "n=9", 'condition="ill=perhaps"')
    assert result.code == 2
    assert "the classes are no, yes" in result.err


@pytest.mark.slow
def test_random_conditions_have_the_shares_of_the_training_rows(run, tmp_path):
    write_people(tmp_path / "people.csv")
    assert run("train", *OWN, "conditional=true").code == 0
    Path("people.csv").unlink()
    assert run("generate", "checkpoint=run", "n=4000", "format=arrays", "output=a.npz").code == 0
    counts = trained_data()["TableFile"]["condition"]["counts"]
    assert counts.sum() == 140  # 70 % of 200 rows
    with np.load("a.npz") as arrays:
        assert abs(arrays["condition"].mean() - (counts[1] / 140).item()) < 0.03


@pytest.mark.slow
def test_schema_file_chooses_columns_and_kinds(run, called, tmp_path):
    write_people(tmp_path / "people.csv")
    code, _ = called(gan_schema.main, "people.csv", "--output", "schema.yaml")
    assert code == 0
    schema = yaml.safe_load(Path("schema.yaml").read_text(encoding="utf-8"))
    del schema["region"]
    schema["amount"] |= {"minimum": 0, "bins": 7}
    Path("schema.yaml").write_text(yaml.safe_dump(schema, sort_keys=False), encoding="utf-8")
    result = run("train", *OWN, "data.schema=schema.yaml")
    assert result.code == 0, result.err
    assert run("generate", "checkpoint=run", "n=20", "format=files", "output=rows").code == 0
    rows = read_csv("rows/samples.csv")
    assert list(rows[0]) == ["age", "amount", "joined", "ill"]
    assert len(trained_data()["TableFile"]["modality"]["bins"]["amount"]) == 7


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run, tmp_path):
    write_people(tmp_path / "people.csv")
    assert run("train", *OWN, "data.batch_size=16").code == 0
    assert run("train", "resume=run", "max_iterations=8").code == 0
    assert run("train", *OWN[:-2], "data.batch_size=16", "max_iterations=8", "hydra.run.dir=whole").code == 0
    states = [trained_data(one)["state_dict"] for one in ("run", "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_signed_rows_verify_and_a_changed_cell_is_found(run, called, tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    write_people(tmp_path / "people.csv")
    assert run("train", *OWN).code == 0
    result = run("generate", "checkpoint=run", "n=30", "sign=true", "output=signed", "ledger=ledger")
    assert result.code == 0, result.err
    path = Path("signed/samples.csv")
    code, said = called(gan_verify.main, path)
    assert (code, ": trusted: " in said) == (0, True)

    bare = Path("bare.csv")
    bare.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "in the ledger" in called(gan_verify.main, bare, "--ledger", "ledger")[1]
    assert "regenerates" in called(gan_verify.main, bare, "--checkpoint", "run", "--n", "30")[1]

    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("yes", "no", 1) if "yes" in text else text.replace("no", "yes", 1), encoding="utf-8")
    code, said = called(gan_verify.main, path)
    assert code == 1
    assert ": tampered: " in said


@pytest.mark.slow
def test_rows_with_missing_values_regenerate(run, called, tmp_path):
    write_people(tmp_path / "people.csv")
    assert run("train", *OWN[:3], "model=table_independent", *SMALL[3:]).code == 0
    assert run("generate", "checkpoint=run", "n=60", "format=files", "output=rows").code == 0
    assert any(row["age"] == "" for row in read_csv("rows/samples.csv"))
    _, said = called(gan_verify.main, "rows/samples.csv", "--checkpoint", "run", "--n", "60")
    assert "samples 0 to 59 of 60 with seed 0, bit for bit" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=table"], "data.csv is not set"),
        (["data=table", "data.csv=nothing.csv"], "nothing.csv: no such file"),
        (["data=table", "data.csv=people.csv", "data.target=sick"], "has no column sick: its columns are age, region"),
        (["data=table", "data.csv=people.csv", "data.target=amount"], "a target has at most 50: name another column"),
        (["data=table", "data.csv=people.csv", "data.drop=[sick]"], "has no column sick"),
        (["data=table", "data.csv=people.csv", "data.delimiter=;"], "one column was found"),
        (["data=table", "data.csv=people.csv", "conditional=true"], "the data have no classes"),
        (["data=table", "data.csv=people.csv", "data.delimiter=ab"], "the delimiter 'ab' must be one character"),
        (["data=table", "data.csv=people.csv", "data.test_share=1"], "data.test_share=1"),
        (["data=table", "data.csv=few.csv"], "2 training rows for 5 columns"),
        (["data=table", "data.csv=names.csv"], "leave it out: data.drop=[name]"),
        (["data=table", "data.csv=gaps.csv", "data.target=y"], "data.target=y: has missing values"),
        (["data=table", "data.csv=people.csv", "data.schema=no.yaml"], "no.yaml: No such file"),
        (["data=table", "data.csv=people.csv", "data.schema=other.yaml"], "has no column height"),
        (["data=table", "data.csv=people.csv", "data.schema=narrow.yaml"], "north: the schema has only east"),
        (["data=breast_cancer", "data.target=mean radius"], "is of kind real: must be a category"),
        (["data=breast_cancer", "data.target=age"], "data.target=age: there is no column of this name"),
        (["data=breast_cancer", "data.blocks=[1]"], "data.blocks=[1]: must be"),
        (["data=breast_cancer", "data.columns={diagnosis:{kind:name}}"], "diagnosis.kind=name: must be"),
        (["data=adult", "data.download=false", "data.root=none"], f"data.download=true, put {UCI}/adult/adult.data"),
        (["data=heart", "data.root=public/heart"], "the rows have SHA-256"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else value[:20],
)
def test_bad_data_is_refused_in_one_line(run, tmp_path, arguments, message):
    write_people(tmp_path / "people.csv")
    write_people(tmp_path / "few.csv", 3)
    write_rows(tmp_path / "names.csv", [[f"name {i}", str(i)] for i in range(50)], ["name", "x"])
    write_rows(tmp_path / "gaps.csv", [["", "1"], ["a", "2"], ["b", "3"]] * 20, ["y", "x"])
    (tmp_path / "other.yaml").write_text("height: {kind: integer, bins: 3}", encoding="utf-8")
    (tmp_path / "narrow.yaml").write_text("region: {kind: category, values: [east]}", encoding="utf-8")
    write_public_tables(tmp_path / "public")
    result = run("train", *arguments, *SMALL)
    assert result.code == 2
    assert message in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_breast_cancer_has_the_rows_of_scikit_learn():
    schema = load_schema(PACKAGE / "data/schemas/breast_cancer.yaml")
    table = Table(schema)
    settings = {
        "columns": schema,
        "target": "diagnosis",
        "batch_size": 8,
        "blocks": table.blocks,
        "sample_shape": list(table.sample_shape),
        "num_classes": 2,
        "target_block": 30,
        "seed": 0,
    }
    data = BreastCancer(test_share=0.3, split_seed=0, **settings)
    data.setup("test")
    training, test = data.examples.content, data.test_examples.content
    assert (len(training), len(test)) == (398, 171)
    assert len(torch.cat([training, test]).unique(dim=0)) == 569
    assert int((torch.cat([data.examples.condition, data.test_examples.condition]) == 1).sum()) == 357  # benign
    other = BreastCancer(test_share=0.3, split_seed=1, **settings | {"seed": 5})
    other.setup("test")
    assert not torch.equal(other.test_examples.content, test)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adult", "heart", "german_credit"])
def test_files_of_the_uci_and_files_with_a_header_hold_the_same_rows(run, tmp_path, name):
    rows = write_uci_files(tmp_path / "uci")[name]
    header = [column.name for column in packaged_columns(name)]
    for file in {"adult": ["adult.csv", "adult.test"], "heart": ["cleveland.csv"]}.get(name, [f"{name}.csv"]):
        write_rows(tmp_path / "own" / name / file, rows, header)
    digests = set()
    for folder in ("uci", "own"):
        arguments = [f"data={name}", f"data.root={folder}/{name}", "data.sha256=null", "data.batch_size=32"]
        result = run("train", *arguments, *SMALL[:-2], "max_iterations=1", f"hydra.run.dir={folder}_run")
        assert result.code == 0, result.err
        manifest = json.loads(Path(f"{folder}_run/manifest.json").read_text(encoding="utf-8"))
        digests.add(manifest["data"]["sha256"])
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["adult", "heart", "german_credit"])
def test_real_rows_have_the_recorded_digest(run, name, real_data):
    result = run("train", f"data={name}", f"data.root={real_data(name)}", *SMALL)
    assert result.code == 0, result.err
