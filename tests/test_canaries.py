"""Canaries: rows that are planted into training rows, and counted among samples."""

import json
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.stats import fisher_exact

from gan_lightning.data.breast_cancer import BreastCancer
from gan_lightning.data.canaries import draw_canaries, plant
from gan_lightning.data.table_schema import load_schema
from gan_lightning.errors import UserError
from gan_lightning.metrics.canaries import chance_of, count_canaries
from gan_lightning.metrics.canary_metrics import find_canaries
from gan_lightning.metrics.privacy import RowDistance, nearest_rows
from gan_lightning.metrics.table_baselines import counted_rows
from gan_lightning.metrics.tables import TableEvaluator
from gan_lightning.modalities.table import Table
from gan_lightning.modalities.table_rows import equal_rows
from gan_lightning.paths import PACKAGE
from tests.tables import write_people
from tests.test_privacy import CATEGORICAL, rows

OWN = [
    *("data=table", "data.csv=people.csv", "data.target=ill", "data.batch_size=60", "trainer=cpu"),
    *("model=mlp", "model.generator.hidden_dims=[16]", "model.discriminator.hidden_dims=[16]"),
]
PLANTED = ["data.canaries=10", "data.canary_copies=4"]
NAMES = {"canaries_exact", "controls_exact", "canaries_near", "controls_near"}


def breast_cancer(**options: int) -> BreastCancer:
    """Return the data after ``setup``."""
    schema = load_schema(PACKAGE / "data/schemas/breast_cancer.yaml")
    table = Table(schema)
    data = BreastCancer(
        test_share=0.3,
        split_seed=0,
        columns=schema,
        target="diagnosis",
        batch_size=8,
        blocks=table.blocks,
        sample_shape=list(table.sample_shape),
        num_classes=2,
        target_block=30,
        **{"seed": 0} | options,
    )
    data.setup("test")
    return data


def prepared(data: BreastCancer, n: int = 80) -> TableEvaluator:
    evaluator = TableEvaluator(n)
    evaluator.prepare(data)
    return evaluator


# Rows -----------------------------------------------------------------------------------------------------------------


def test_canaries_are_new_and_planted_as_often_as_asked():
    training = rows(200, 0)
    canaries = draw_canaries(training, 10)
    both = torch.cat(canaries)
    assert not equal_rows(both, training).any()
    assert (equal_rows(both, both) == 1).all()
    for column, values in zip(both.T, training.T, strict=True):
        assert torch.isin(column.nan_to_num(99), values.nan_to_num(99)).all()
    planted = plant(training, canaries.planted, 4)
    assert len(planted) == 240
    assert (equal_rows(canaries.planted, planted) == 4).all()
    assert not equal_rows(canaries.controls, planted).any()
    assert torch.equal(planted.nan_to_num(99), plant(training, canaries.planted, 4).nan_to_num(99))


def test_canaries_are_farther_from_training_rows_than_others():
    training = rows(500, 0)
    distance = RowDistance(training, CATEGORICAL)
    found = [distance.embed(one) for one in (training, torch.cat(draw_canaries(training, 20)), rows(40, 1))]
    canaries, fresh = (nearest_rows(one, found[0]).distances.mean() for one in found[1:])
    assert canaries > 2 * fresh


def test_copied_canaries_are_counted_and_controls_are_not():
    training = rows(300, 0)
    distance = RowDistance(training, CATEGORICAL)
    canaries = draw_canaries(training, 8)
    planted = plant(training, canaries.planted, 3)
    assert count_canaries(planted, training, canaries, distance) == (8, 8, 0, 0)
    fresh = count_canaries(rows(300, 1), training, canaries, distance)
    assert fresh.exact == 0
    assert fresh.near <= 1
    near = canaries.planted[:5].clone()
    near[:, 0] += 1e-6
    assert count_canaries(near, training, canaries, distance)[1] == 5


def test_too_many_canaries_are_refused():
    full = torch.tensor([*product([0.0, 1], [0.0, 1])], dtype=torch.float64)
    with pytest.raises(UserError, match=r"data\.canaries=1: the table has too few possible rows"):
        draw_canaries(full, 1)


def test_missing_value_is_drawn_as_often_as_another():
    training = torch.full((100, 3), torch.nan, dtype=torch.float64)
    training[:4] = torch.arange(12.0).view(4, 3)
    drawn = torch.cat(draw_canaries(training, 30))
    assert drawn.isnan().double().mean() == pytest.approx(1 / 5, abs=0.1)


def test_chance_is_that_of_fishers_exact_test():
    for planted, controls in ((0, 0), (5, 0), (7, 3), (3, 7)):
        table = [[planted, 20 - planted], [controls, 20 - controls]]
        assert chance_of(planted, controls, 20) == pytest.approx(fisher_exact(table, "greater").pvalue)


# Data -----------------------------------------------------------------------------------------------------------------


def test_canaries_are_planted_into_training_rows_alone():
    plain, data = breast_cancer(), breast_cancer(canaries=10, canary_copies=4)
    planted, controls = data.canaries
    assert (equal_rows(planted, data.examples.content) == 4).all()
    assert len(data.examples.content) == 398 + 40
    assert not equal_rows(controls, torch.cat([data.examples.content, data.test_examples.content])).any()
    assert torch.equal(data.examples.condition, data.examples.content[:, 30].long())
    assert torch.equal(data.test_examples.content, plain.test_examples.content)
    assert torch.equal(data.reference_examples.content, plain.examples.content)
    assert data.labels.counts.sum() == 438
    assert (plain.canaries, plain.reference_examples) == (None, plain.examples)


def test_manifest_tells_canaries_and_the_seed_of_a_run_does_not_change_them():
    facts = breast_cancer(canaries=10).describe()
    assert {"examples": 478, "canaries": 10, "canary_copies": 8}.items() <= facts.items()
    assert breast_cancer(canaries=10, seed=7).describe() == facts
    assert breast_cancer().describe().keys() == {"examples", "sha256"}


@pytest.mark.slow
def test_run_is_resumed_with_the_same_canaries(run, tmp_path):
    write_people(tmp_path / "people.csv")
    quick = [*OWN, *PLANTED, "callbacks.evaluation=null", "callbacks.collapse_alarm=null", "hydra.run.dir=run"]
    assert run("train", *quick, "max_iterations=2").code == 0
    assert run("train", "resume=run", "max_iterations=4").code == 0
    first, second = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))["segments"]
    assert first["data"] == second["data"]
    assert first["data"]["canaries"] == 10
    refused = run("train", "resume=run", "max_iterations=6", "data.canary_copies=5").err
    assert "data.canary_copies=5, but the run was started with 4" in refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.canaries=-1"], "data.canaries=-1"),
        (["data.canaries=5", "data.canary_copies=0"], "data.canary_copies=0"),
        (["data.canaries=many"], "data.canaries=many"),
        (["data.canaries=20", "data.csv=narrow.csv"], "data.canaries=20: the table has too few possible rows"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_bad_canaries_are_refused_in_one_line(run, tmp_path, arguments, message):
    write_people(tmp_path / "people.csv")
    lines = [f"{a},{b}" for a in ("x", "y", "z") for b in ("no", "yes")] * 30
    Path("narrow.csv").write_text("\n".join(["a,ill", *lines]) + "\n", encoding="utf-8")
    result = run("train", *OWN, *arguments, "max_iterations=1", "hydra.run.dir=run")
    assert result.code == 2
    assert message in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


# Evaluation -----------------------------------------------------------------------------------------------------------


def test_copied_canaries_are_a_finding():
    data = breast_cancer(canaries=20)
    evaluator = prepared(data)
    copied = plant(data.test_examples.content[:74], data.canaries.planted[:6], 1)
    metrics = evaluator(copied)
    assert [metrics[name] for name in sorted(NAMES)] == [6, 6, 0, 0]
    assert "privacy: the samples repeat 6 of 20 planted canaries, 6 exactly (controls: 0 and 0)" in " ".join(
        evaluator.findings(metrics)
    )
    controls = evaluator(plant(data.test_examples.content[:74], data.canaries.controls[:6], 1))
    assert [controls[name] for name in sorted(NAMES)] == [0, 0, 6, 6]
    assert not any("canaries" in one for one in evaluator.findings(controls))
    assert {"canaries_exact", "canaries_near"} < {metric.name for metric in evaluator.checked(metrics)}
    said = [evaluator.remarks(one)["privacy"][-1] for one in (metrics, controls)]
    assert "come near 6 of them and equal 6; of as many rows that were not planted, they come near 0" in said[0]
    assert [one.rpartition(". ")[2] for one in said] == ["This is beyond chance.", "This is not beyond chance."]
    assert all(evaluator.real_baseline()[name] == 0 for name in NAMES)
    assert "planted canaries" in evaluator.table({"samples": metrics})


def test_generators_that_overfit_repeat_canaries():
    evaluator = prepared(breast_cancer(canaries=20), n=171)
    contents = evaluator.baselines()
    found = {name: find_canaries(evaluator.view(one), evaluator.reference) for name, one in contents.items()}
    assert found["noisy copies"].near > 15
    assert found["TAN"].near > 10
    assert found["independent columns"].near == 0
    assert sum(one.near_controls for one in found.values()) == 0


@pytest.mark.slow
def test_other_metrics_leave_planted_rows_out():
    samples = counted_rows(breast_cancer().modality, breast_cancer().examples.content, 30, "label", 80)
    plain, planted = prepared(breast_cancer()), prepared(breast_cancer(canaries=20))
    metrics = planted(samples)
    assert {name: value for name, value in metrics.items() if name not in NAMES} == plain(samples)
    floor = planted.real_baseline()
    assert {name: value for name, value in floor.items() if name not in NAMES} == plain.real_baseline()


@pytest.mark.slow
def test_run_with_canaries_reports_them(run, tmp_path):
    write_people(tmp_path / "people.csv")
    result = run("train", *OWN[:5], *PLANTED, "model=table_tan", "hydra.run.dir=run")
    assert result.code == 0, result.err
    metrics = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    assert metrics.keys() >= {f"evaluation/{name}" for name in NAMES}
    manifest = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["canaries"] == 10
    assert "Planted canaries" in Path("run/README.md").read_text(encoding="utf-8")
    assert run("generate", "checkpoint=run", "n=50", "format=files", "output=rows").code == 0
