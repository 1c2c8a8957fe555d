"""Models that count the rows of a table: trees, distributions, samples, and the commands."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from sklearn.metrics import mutual_info_score

from gan_lightning.algorithms.counting import Counting
from gan_lightning.algorithms.priors import Uniform
from gan_lightning.commands import verify as gan_verify
from gan_lightning.networks.chow_liu import (
    conditional_mutual_information,
    maximum_spanning_tree,
    mutual_information,
)
from gan_lightning.networks.table_counts import Generator
from gan_lightning.provenance import identity
from tests.tables import write_people

STRUCTURES = ["independent", "label", "tree", "tan"]
BLOCKS, TARGET = [3, 2, 4, 2], 1
PEOPLE = ["data=table", "data.csv=people.csv", "data.target=ill", "data.test_share=0"]
QUICK = ["trainer=cpu", "callbacks.sample_grid=null", "logger=[]"]
TRAIN = [*PEOPLE, *QUICK, "data.batch_size=50", "hydra.run.dir=run"]  # 4 batches


def one_hot(codes, blocks=BLOCKS):
    return torch.cat([torch.eye(size)[codes[:, i]] for i, size in enumerate(blocks)], 1)


def codes_of(sample, blocks=BLOCKS):
    return torch.stack([block.argmax(1) for block in sample.split(blocks, 1)], 1)


def dependent_codes(n=3000, seed=0):
    """Return codes (n, 4): the label, two columns that depend on it, and one that depends on another."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, n)
    first = np.where(random.random(n) < 0.6, label, random.integers(0, 3, n))
    third = np.where(random.random(n) < 0.7, first + label, random.integers(0, 4, n))
    last = np.where(random.random(n) < 0.5, third % 2, random.integers(0, 2, n))
    return torch.from_numpy(np.column_stack([first, label, third, last]))


def every_row(blocks=BLOCKS):
    return one_hot(torch.tensor(list(itertools.product(*map(range, blocks)))), blocks)


def fitted(structure, smoothing=1.0):
    return Generator(BLOCKS, TARGET, structure, smoothing).fit(one_hot(dependent_codes()))


def latents(n, seed=0):
    return Uniform([len(BLOCKS)])(n, generator=torch.Generator().manual_seed(seed))


# Trees ----------------------------------------------------------------------------------------------------------------


def test_mutual_information_equals_that_of_scikit_learn():
    codes = dependent_codes()
    found = mutual_information(fitted("tree").counts[0].numpy(), [0, 3, 5, 9])
    for i, j in itertools.product(range(4), repeat=2):
        assert found[i, j] == pytest.approx(mutual_info_score(codes[:, i], codes[:, j]), abs=1e-9)


def test_conditional_mutual_information_equals_the_mean_over_classes():
    codes = dependent_codes()
    found = conditional_mutual_information(fitted("tan").counts.numpy(), [0, 3, 5, 9])
    for i, j in itertools.product(range(4), repeat=2):
        classes = [codes[codes[:, TARGET] == label] for label in (0, 1)]
        expected = sum(len(one) / len(codes) * mutual_info_score(one[:, i], one[:, j]) for one in classes)
        assert found[i, j] == pytest.approx(expected, abs=1e-9)


def spanning_trees(nodes):
    """Yield the edges of every spanning tree of a complete graph."""
    for edges in itertools.combinations(itertools.combinations(range(nodes), 2), nodes - 1):
        reached = {0}
        for _ in range(nodes):
            reached |= {node for edge in edges if reached & set(edge) for node in edge}
        if len(reached) == nodes:
            yield edges


@pytest.mark.parametrize("seed", range(20))
def test_spanning_tree_has_the_largest_weight_of_all_trees(seed):
    weights = np.random.default_rng(seed).random((5, 5))
    weights = weights + weights.T
    parents = maximum_spanning_tree(weights, seed % 5)
    total = sum(weights[node, parent] for node, parent in parents.items() if parent is not None)
    assert total == pytest.approx(max(sum(weights[edge] for edge in edges) for edges in spanning_trees(5)))
    order = list(parents)
    assert order[0] == seed % 5
    assert sorted(order) == list(range(5))
    assert all(order.index(parent) < order.index(node) for node, parent in parents.items() if parent is not None)


def test_spanning_tree_of_independent_columns_is_complete():
    assert maximum_spanning_tree(np.zeros((3, 3)), 1) == {1: None, 0: 1, 2: 1}


def test_tree_finds_the_parents_of_the_columns():
    assert fitted("tree").parents() == {1: None, 0: 1, 2: 0, 3: 2}
    assert fitted("tan").parents() == {1: None, 0: None, 2: 0, 3: 2}


# Distributions --------------------------------------------------------------------------------------------------------


def test_distributions_equal_those_computed_by_hand():
    rows = one_hot(torch.tensor([[0, 0], [0, 0], [0, 1], [1, 1]]), [2, 2])
    label, other = Generator([2, 2], 0, "label", 1.0).fit(rows).distributions()
    assert label.table.flatten().tolist() == pytest.approx([3.5 / 5, 1.5 / 5])
    marginal = [2.5 / 5, 2.5 / 5]
    expected = [(2 + marginal[0]) / 4, (1 + marginal[1]) / 4, (0 + marginal[0]) / 2, (1 + marginal[1]) / 2]
    assert other.table.flatten().tolist() == pytest.approx(expected)


def reference_log_probability(codes, row, generator):
    """Return the log-probability of one row, by loops over the rows that were counted."""
    codes, smoothing, total = codes.numpy(), generator.smoothing, 0.0
    for column, parent in generator.parents().items():
        share, size = 1 / BLOCKS[column], len(codes)
        same = np.ones(size, bool)
        steps = [None, *([TARGET] if generator.given_label and column != TARGET else [])]
        steps += [] if parent is None else [parent]
        for given in steps:
            same &= True if given is None else codes[:, given] == row[given]
            hits = (codes[same, column] == row[column]).sum()
            share = (hits + smoothing * share) / (same.sum() + smoothing)
        total += math.log(share)
    return total


@pytest.mark.parametrize("structure", STRUCTURES)
def test_log_probability_equals_a_loop_over_the_rows(structure):
    generator, codes = fitted(structure, 2.5), dependent_codes()
    rows = every_row()
    expected = [reference_log_probability(codes, row, generator) for row in codes_of(rows).tolist()]
    torch.testing.assert_close(generator.log_probability(rows), torch.tensor(expected), rtol=0, atol=1e-4)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("n", [0, 5, 3000])
def test_probabilities_of_all_rows_sum_to_1(structure, n):
    generator = Generator(BLOCKS, TARGET, structure).fit(one_hot(dependent_codes()[:n]))
    probabilities = generator.log_probability(every_row()).exp()
    assert probabilities.min() > 0
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)


def test_likelihood_grows_with_what_a_structure_can_express():
    rows = one_hot(dependent_codes())
    loss = {one: -fitted(one, 1e-6).log_probability(rows).mean().item() for one in STRUCTURES}
    assert loss["tan"] < loss["tree"] < loss["independent"]
    assert loss["tan"] < loss["label"] < loss["independent"]


# Samples --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
def test_samples_follow_the_exact_distribution(structure):
    generator, n = fitted(structure), 40_000
    samples = generator(latents(n))
    assert all((block.sum(1) == 1).all() for block in samples.split(BLOCKS, 1))
    place = torch.tensor([16, 8, 2, 1])
    counts = torch.bincount((codes_of(samples) * place).sum(1), minlength=48).double()
    expected = n * generator.log_probability(every_row()).exp().double()
    statistic = ((counts - expected) ** 2 / expected)[expected > 5].sum()
    assert statistic < chi2.ppf(0.999, (expected > 5).sum().item())


@pytest.mark.parametrize("structure", STRUCTURES)
def test_condition_is_the_label_and_changes_the_other_columns_as_the_distribution_does(structure):
    generator, n = fitted(structure), 40_000
    rows, codes = every_row(), codes_of(every_row())
    for label in (0, 1):
        found = codes_of(generator(latents(n), torch.full((n,), label)))
        assert (found[:, TARGET] == label).all()
        probability = generator.log_probability(rows).exp() * (codes[:, TARGET] == label)
        for column, size in enumerate(BLOCKS):
            expected = torch.stack([probability[codes[:, column] == slot].sum() for slot in range(size)])
            share = torch.bincount(found[:, column], minlength=size) / n
            torch.testing.assert_close(share, expected / expected.sum(), rtol=0, atol=0.01)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_samples_depend_on_their_own_latent_alone(structure):
    generator, latent = fitted(structure), latents(200)
    assert torch.equal(generator(latent)[50:60], generator(latent[50:60]))


@pytest.mark.parametrize("value", [0.0, 1 - 2**-24])
def test_latents_at_the_ends_of_the_interval_give_rows(value):
    row = fitted("tan")(torch.full((1, 4), value))
    assert [int(block.sum()) for block in row.split(BLOCKS, 1)] == [1, 1, 1, 1]


def test_table_without_a_label_is_a_tree_from_its_first_column():
    generator = Generator(BLOCKS, None, "tree").fit(one_hot(dependent_codes()))
    assert next(iter(generator.parents())) == 0
    assert generator.log_probability(every_row()).exp().sum().item() == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match=r"structure=tan: needs a label: set data\.target"):
        Generator(BLOCKS, None, "tan")


# Counts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
def test_counts_in_batches_and_in_bfloat16_equal_those_at_once(structure):
    rows, generator = one_hot(dependent_codes()), Generator(BLOCKS, TARGET, structure)
    with torch.autocast("cpu", torch.bfloat16):
        for part in rows.to(torch.bfloat16).split(700):
            generator.count(part)
    assert torch.equal(generator.counts, fitted(structure).counts)


def test_distributions_follow_counts_that_are_added_loaded_or_copied():
    generator, rows = fitted("tan"), every_row()
    before = generator.log_probability(rows)
    restored = Generator(BLOCKS, TARGET, "tan")
    assert not torch.equal(restored.log_probability(rows), before)
    restored.load_state_dict(generator.state_dict())
    assert torch.equal(restored.log_probability(rows), before)
    generator.count(rows)
    assert not torch.equal(generator.log_probability(rows), before)
    generator.fit(one_hot(dependent_codes()))
    assert torch.equal(generator.log_probability(rows), before)


def test_model_needs_a_generator_that_counts():
    with pytest.raises(ValueError, match="generator Linear: must define count"):
        Counting(torch.nn.Linear(1, 1), Uniform([1]))


# Commands -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(tmp_path):
    """Write the table that the commands read."""
    return write_people(tmp_path / "people.csv")


def load(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
def test_run_counts_each_row_once_and_stops(run, tmp_path, people, structure):
    result = run("train", *TRAIN, f"model=table_{structure}", "trainer.max_epochs=7")
    assert result.code == 0, result.err
    checkpoint = load(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["epoch"] == 1
    counts = checkpoint["state_dict"]["generator.counts"]
    assert counts.sum() == 200 * 5 ** (2 if structure in ("tree", "tan") else 1)
    assert run("generate", "checkpoint=run", "n=20", "format=files", "output=files").code == 0
    assert len((tmp_path / "files" / "samples.csv").read_text(encoding="utf-8").splitlines()) == 21


@pytest.mark.slow
def test_resumed_run_equals_uninterrupted_run(run, tmp_path, people):
    model = "model=table_tan"
    assert run("train", *TRAIN, model).code == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    assert run("train", *TRAIN, model, "max_iterations=3").code == 0
    assert load(tmp_path / "run")["iteration"] == 3
    for limit in ("max_iterations=100", "max_iterations=200"):
        assert run("train", "resume=run", limit).code == 0
    resumed, whole = load(tmp_path / "run"), load(tmp_path / "whole")
    assert resumed["iteration"] == whole["iteration"] == 4
    assert torch.equal(resumed["state_dict"]["generator.counts"], whole["state_dict"]["generator.counts"])


def test_conditional_samples_are_signed_and_verified(run, called, tmp_path, people, monkeypatch):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    assert run("train", *TRAIN, "model=table_tan", "conditional=true").code == 0
    arguments = ["checkpoint=run", "n=12", "condition=ill=yes", "sign=true", "output=signed", "ledger=ledger"]
    result = run("generate", *arguments)
    assert result.code == 0, result.err
    text = next((tmp_path / "signed").rglob("*.csv")).read_text(encoding="utf-8")
    assert text.count(",yes\n") == 12
    code, output = called(gan_verify.main, *sorted((tmp_path / "signed").rglob("*.csv")), "--ledger", "ledger")
    assert code == 0, output


@pytest.mark.slow
def test_run_in_two_processes_is_refused(run, people):
    result = run("train", *TRAIN, "model=table_tan", "trainer=ddp_cpu", "trainer.devices=2")
    assert result.code != 0
    assert "trainer.devices=2: Counting counts the rows in one process" in result.err
    assert "Traceback" not in result.err


def test_setting_of_gradient_models_is_refused(run, people):
    result = run("train", *TRAIN, "model=table_tan", "+model.ema_decay=0.9")
    assert result.code != 0
    assert "ema_decay" in result.err
