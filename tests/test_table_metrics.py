"""Metrics of tables, against hand-computed values and other implementations."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp, pearsonr
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score, roc_auc_score

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.data.digits import Digits
from gan_lightning.metrics.reference import NotEvaluated
from gan_lightning.metrics.table_baselines import counted_rows, independent_columns, noisy_copies
from gan_lightning.metrics.table_encoding import fit_encoding
from gan_lightning.metrics.table_findings import beyond_chance
from gan_lightning.metrics.table_shapes import column_errors, ks_statistic, mean_pair_error, pair_errors
from gan_lightning.metrics.tables import TableEvaluator
from gan_lightning.metrics.two_sample import two_sample_auc, two_sample_scores
from gan_lightning.metrics.utility import boosting_scores, class_f1, four_classifiers_f1, macro_f1
from gan_lightning.modalities.label import Labels
from gan_lightning.modalities.table import Table

SCHEMA = {
    "age": {"kind": "integer", "bins": 16, "missing": True},
    "income": {"kind": "real", "decimals": 2, "bins": 16},
    "joined": {"kind": "date", "bins": 8},
    "city": {"kind": "category", "values": ["Oslo", "Rome", "$x_1$"], "missing": True},
    "grade": {"kind": "ordered", "values": ["low", "high"]},
}
CATEGORICAL = np.array([False, False, False, True, True])


def people(n: int, seed: int) -> torch.Tensor:
    """Return n rows of the schema, whose columns depend on each other."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, n).astype(float)
    grade = (random.random(n) < age / 100).astype(float)
    city = np.where(random.random(n) < 0.7, grade, 2)
    income = np.round(age * 100 + 2000 * grade + random.normal(0, 500, n), 2)
    joined = 10000 + random.integers(0, 2000, n)
    rows = np.stack([age, income, joined, city, grade], 1)
    rows[random.random(n) < 0.1, 0] = np.nan
    rows[random.random(n) < 0.05, 3] = np.nan
    return torch.from_numpy(rows)


class People(Data):
    """Rows with a test split, unless ``test`` is 0; the target is the last column."""

    target = 4

    def __init__(self, training: int = 300, test: int = 150, conditional: bool = False) -> None:
        super().__init__(Table(SCHEMA), 32, 0, Labels(2) if conditional else None)
        self.sizes = training, test

    def load(self) -> Examples:
        rows = people(self.sizes[0], 0)
        self.modality.fit(rows)
        return Examples(rows, rows[:, 4].long())

    def load_test(self) -> Examples | None:
        if not self.sizes[1]:
            return None
        rows = people(self.sizes[1], 1)
        return Examples(rows, rows[:, 4].long())


def prepared(**options: int) -> TableEvaluator:
    data, evaluator = People(**options), TableEvaluator()
    data.setup("test")
    evaluator.prepare(data)
    return evaluator


# Shapes ---------------------------------------------------------------------------------------------------------------


def test_ks_statistic_is_that_of_scipy():
    random = np.random.default_rng(0)
    for a, b in ((random.normal(size=50), random.normal(0.5, 2, 70)), (random.integers(0, 4, 30), [1, 1, 2])):
        a, b = np.array(a, float), np.array(b, float)
        assert ks_statistic(a, b) == pytest.approx(ks_2samp(a, b).statistic)


def test_missing_numbers_are_the_largest():
    a = np.array([1, 2, np.nan, np.nan])
    assert ks_statistic(a, np.array([1, 2, 1, 2])) == 0.5  # their share
    assert ks_statistic(a, a[::-1]) == 0
    assert ks_statistic(np.full(3, np.nan), np.full(2, np.nan)) == 0


def test_variation_distance_counts_missing_values_as_a_category():
    real = np.array([[0, 0, 1, np.nan]]).T
    samples = np.array([[0, 2, np.nan, np.nan]]).T
    # shares .5 .25 0 .25 against .25 0 .25 .5
    assert column_errors(real, samples, np.array([True])) == pytest.approx([0.5])


def test_pair_errors_are_those_that_sdmetrics_documents():
    """Check 1 − score: CorrelationSimilarity of numbers, and ContingencySimilarity of others with numbers in bins."""
    real, samples = people(400, 0).numpy(), independent_columns(people(300, 2), 300).numpy()
    errors = pair_errors(real, samples, CATEGORICAL)
    assert np.array_equal(errors, errors.T)

    def cells(table: np.ndarray, i: int) -> list[object]:
        if CATEGORICAL[i]:
            return [None if np.isnan(value) else value for value in table[:, i]]
        edges = np.histogram_bin_edges(real[~np.isnan(real[:, i]), i], 10)
        return [None if np.isnan(value) else int((value >= edges[1:-1]).sum()) for value in table[:, i]]

    for i in range(5):
        for j in range(i):
            if CATEGORICAL[i] or CATEGORICAL[j]:
                counts = [Counter(zip(cells(one, i), cells(one, j), strict=True)) for one in (real, samples)]
                expected = sum(abs(counts[0][key] / 400 - counts[1][key] / 300) for key in counts[0] | counts[1]) / 2
            else:
                kept = [one[~np.isnan(one[:, [i, j]]).any(1)] for one in (real, samples)]
                expected = abs(np.subtract(*(pearsonr(one[:, i], one[:, j])[0] for one in kept))) / 2
            assert errors[i, j] == pytest.approx(expected), (i, j)
    assert mean_pair_error(errors) == pytest.approx(errors[np.triu_indices(5, 1)].mean())
    assert mean_pair_error(np.zeros((1, 1))) is None


def test_constant_and_missing_columns_have_finite_errors():
    real = np.array([[1.0, 5, np.nan, 0], [2, 5, np.nan, 1], [3, 5, np.nan, 0]])
    samples = np.array([[7.0, 5, np.nan, np.nan], [7, 6, 1, np.nan]])
    errors = pair_errors(real, samples, np.array([False, False, False, True]))
    assert np.isfinite(errors).all()
    assert errors[0, 1] == 0


# Utility --------------------------------------------------------------------------------------------------------------


def test_boosting_scores_are_those_of_sklearn():
    training, test = people(400, 0).numpy(), people(300, 1).numpy()
    found = boosting_scores(training, test, 4, CATEGORICAL)
    model = HistGradientBoostingClassifier(categorical_features=[3], early_stopping=False, random_state=0)
    model.fit(training[:, :4], training[:, 4])
    probability = model.predict_proba(test[:, :4])[:, 1]
    assert found.auc.value == pytest.approx(roc_auc_score(test[:, 4], probability))
    assert found.macro_f1 == pytest.approx(f1_score(test[:, 4], probability > 0.5, average="macro"))
    assert 0.001 < found.auc.margin < 0.02


def test_boosting_scores_of_several_classes_are_averaged():
    """The third class is missing in the training rows, so that its AUC is .5 and its F1 is 0."""
    training, test = people(400, 0).numpy(), people(300, 1).numpy()
    training = training[training[:, 3] != 2]
    found = boosting_scores(training, test, 3, CATEGORICAL)
    known, tested = training[~np.isnan(training[:, 3])], test[~np.isnan(test[:, 3])]
    model = HistGradientBoostingClassifier(categorical_features=[3], early_stopping=False, random_state=0)
    model.fit(np.delete(known, 3, 1), known[:, 3])
    probabilities = model.predict_proba(np.delete(tested, 3, 1))
    areas = [roc_auc_score(tested[:, 3] == one, probabilities[:, one]) for one in (0, 1)]
    assert found.auc.value == pytest.approx((sum(areas) + 0.5) / 3)
    predicted = model.predict(np.delete(tested, 3, 1))
    assert found.macro_f1 == pytest.approx(f1_score(tested[:, 3], predicted, average="macro"))


def test_samples_of_one_class_have_no_utility():
    training, test = people(200, 0).numpy(), people(100, 1).numpy()
    found = boosting_scores(training[training[:, 4] == 1], test, 4, CATEGORICAL)
    assert found.auc.value == 0.5
    assert found.macro_f1 == pytest.approx(macro_f1(test[:, 4], np.ones(100)))
    rarer = np.bincount(test[:, 4].astype(int)).argmin()
    assert four_classifiers_f1(training[training[:, 4] != rarer], test, 4, CATEGORICAL) == 0
    assert boosting_scores(training, test[test[:, 4] == 1], 4, CATEGORICAL) is None


def test_four_classifiers_learn_from_rows_and_not_from_shuffled_ones():
    training, test = people(400, 0), people(300, 1).numpy()
    real = four_classifiers_f1(training.numpy(), test, 4, CATEGORICAL)
    assert real > four_classifiers_f1(independent_columns(training, 400).numpy(), test, 4, CATEGORICAL) + 0.1
    several = four_classifiers_f1(training.numpy(), test, 3, CATEGORICAL)
    assert 0.3 < several < 0.9


def test_f1_is_that_of_sklearn():
    random = np.random.default_rng(0)
    target, predicted = random.integers(0, 3, (2, 50))
    assert macro_f1(target, predicted) == pytest.approx(f1_score(target, predicted, average="macro"))
    assert class_f1(target, predicted, 2) == pytest.approx(f1_score(target == 2, predicted == 2))


def test_encoding_standardizes_numbers_and_marks_missing_values():
    rows = np.array([[1, 0], [2, 1], [3, np.nan], [np.nan, 2], [5, 0]])
    encode = fit_encoding(rows, np.array([False, True]))
    vectors = encode(rows)
    assert vectors.dtype == np.float32
    assert vectors[:, 1].tolist() == [0, 0, 0, 1, 0]
    assert vectors[2].tolist() == pytest.approx([(3 - 2.5) / (1.75 / 1.349), 0, 0, 0, 0, 1])
    assert vectors[3].tolist() == [0, 1, 0, 0, 1, 0]
    assert encode(rows, without=0).shape == (5, 4)
    assert encode(np.array([[1e9, 7]])).tolist() == [[10, 0, 0, 0, 0, 0]]  # clipped, and a value never seen


def test_boosting_uses_categories_of_the_two_sample_test():
    """Sets whose codes are even and odd are told apart by splits of categories; 300 categories are numbers."""
    random = np.random.default_rng(0)
    for categories in (40, 300):
        even, odd = (torch.from_numpy(2.0 * random.integers(0, categories // 2, (2000, 1)) + i) for i in range(2))
        real, generated = two_sample_scores(even, odd, 0, "boosting", np.array([True]), most=1000)
        assert len(real) == len(generated) == 500
        if categories == 40:
            assert roc_auc_score(np.repeat([0, 1], 500), np.concatenate([real, generated])) > 0.99
    assert two_sample_auc(even, odd, classifier="boosting") > 0.5


# Baselines ------------------------------------------------------------------------------------------------------------


def test_independent_columns_keep_marginals_alone():
    rows = people(500, 0)
    shuffled = independent_columns(rows, 500)
    assert torch.equal(rows.sort(0).values.nan_to_num(-1), shuffled.sort(0).values.nan_to_num(-1))
    assert column_errors(rows.numpy(), shuffled.numpy(), CATEGORICAL).max() == 0
    assert mean_pair_error(pair_errors(rows.numpy(), shuffled.numpy(), CATEGORICAL)) > 0.1


def test_noisy_copies_replace_some_cells():
    rows = torch.arange(2000.0).reshape(400, 5)
    copies = noisy_copies(rows, 300)
    origin = (copies // 5).mode(1).values  # most cells of a copy come from the same row
    kept = copies == rows[origin.long()]
    assert kept.double().mean() == pytest.approx(0.9, abs=0.02)
    assert len(origin.unique()) > 290


def test_generators_that_count_keep_what_they_count():
    rows = people(2000, 0)
    modality = Table(SCHEMA)
    modality.fit(rows)

    def errors(structure: str) -> np.ndarray:
        found = counted_rows(modality, rows, 4, structure, 2000)
        assert torch.equal(found.nan_to_num(-1), counted_rows(modality, rows, 4, structure, 2000).nan_to_num(-1))
        return pair_errors(rows.numpy(), found.numpy(), CATEGORICAL)

    label, tan = errors("label"), errors("tan")
    assert max(label[4].max(), tan[4].max()) < 0.1
    assert tan[0, 1] < 0.1 < 0.15 < label[0, 1]  # age and income depend on each other given the grade, too


# The evaluator --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_evaluator_ranks_real_rows_noisy_copies_and_independent_columns():
    evaluator = prepared(training=1000, test=400)
    found, real = evaluator.baseline_metrics(), evaluator.real_baseline()
    independent, copies = found["independent columns"], found["noisy copies"]
    assert real["pair_error"] < copies["pair_error"] < independent["pair_error"]
    assert real["utility_auc"] > 0.7 > 0.6 > independent["utility_auc"]
    assert independent["two_sample_auc"] > 0.8
    assert real["two_sample_auc"] == pytest.approx(0.5, abs=0.1)
    assert copies["copy_rate"] > 0.2
    assert copies["membership_auc"] > 0.55 > independent["membership_auc"]
    assert copies["exact_copies"] > 0.3
    assert real["exact_copies"] == 0
    for name in ("dcr_share", "membership_auc", "membership_distance_auc"):
        assert real[name] == pytest.approx(0.5, abs=0.06)
    assert all(np.isfinite([*real.values(), *independent.values(), *copies.values()]))
    assert real.keys() == independent.keys()
    assert any(one.startswith("privacy: an attacker") for one in evaluator.findings(copies))
    assert any(one.startswith("pairs:") for one in evaluator.findings(independent))
    assert evaluator.findings(real) == []
    assert "DOMIAS" in evaluator.table(found)


@pytest.mark.slow
def test_classifiers_are_trained_on_as_many_samples_as_training_rows():
    evaluator = prepared(training=300, test=150)
    assert (evaluator.reference.n, evaluator.n_generated) == (150, 300)
    samples, test = people(300, 7), evaluator.reference.real.rows
    training = evaluator.reference.training.numpy()
    for rows, metrics in ((samples.numpy(), evaluator(samples)), (training, evaluator.real_baseline())):
        scores = boosting_scores(rows, test, 4, evaluator.categorical)
        assert metrics["utility_auc"] == scores.auc.value
    assert evaluator(torch.cat([samples[:150], people(150, 8)]))["shape_error"] == evaluator(samples)["shape_error"]


def test_evaluation_is_deterministic():
    samples = people(150, 7)
    assert prepared()(samples) == prepared()(samples)


def test_without_a_test_split_nothing_is_said_about_members():
    evaluator = prepared(test=0)
    metrics = evaluator(people(150, 7))
    assert metrics.keys() == evaluator.real_baseline().keys()
    assert "exact_copies" in metrics
    assert not metrics.keys() & {"dcr_share", "membership_auc", "attribute_advantage"}
    assert evaluator(evaluator.reference.training[:150])["exact_copies"] == 1


def test_few_rows_are_evaluated_with_wide_intervals():
    evaluator = prepared(training=20, test=12)
    metrics = evaluator(people(12, 7))
    assert np.isfinite([*metrics.values()]).all()
    assert metrics["membership_margin"] > 0.15


def test_membership_needs_unused_training_rows_for_its_floor():
    floor = prepared(training=50, test=50).real_baseline()
    assert floor["membership_auc"] == 0.5
    assert "membership_margin" not in floor


def test_label_accuracy_compares_labels_with_those_asked_for():
    data, evaluator = People(conditional=True), TableEvaluator()
    data.setup("test")
    evaluator.prepare(data)
    samples = people(150, 7)
    wanted = samples[:, 4].long()
    assert evaluator(samples, wanted)["label_accuracy"] == 1
    wanted[:30] = 1 - wanted[:30]
    assert evaluator(samples, wanted)["label_accuracy"] == pytest.approx(0.8)


def test_quick_metrics_are_few():
    metrics = prepared()(people(150, 7), quick=True)
    assert metrics.keys() == {"shape_error", "coverage", "duplicate_rate"}


def test_table_of_one_column_has_neither_pairs_nor_utility():
    class Ages(People):
        def __init__(self) -> None:
            Data.__init__(self, Table({"age": SCHEMA["age"]}), 32, 0)
            self.sizes, self.target = (60, 30), 0

        def load(self) -> Examples:
            rows = people(60, 0)[:, :1]
            self.modality.fit(rows)
            return Examples(rows)

        def load_test(self) -> Examples:
            return Examples(people(30, 1)[:, :1])

    data, evaluator = Ages(), TableEvaluator()
    data.setup("test")
    evaluator.prepare(data)
    metrics = evaluator(people(30, 7)[:, :1])
    assert not metrics.keys() & {"pair_error", "utility_auc", "utility_mean_f1", "attribute_advantage"}
    assert np.isfinite([*metrics.values()]).all()
    assert evaluator.pictures(people(30, 7)[:, :1])["pair_errors"].ndim == 3


def test_pictures_show_columns_and_pairs():
    pictures = prepared().pictures(people(150, 7))
    assert pictures.keys() == {"samples", "nearest_training", "marginals", "pair_errors"}
    for image in pictures.values():
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert image.std() > 5


def test_sensitive_column_is_named():
    data = People()
    data.setup("test")
    evaluator = TableEvaluator(sensitive="city")
    evaluator.prepare(data)
    assert evaluator.describe() == {"name": "TableEvaluator", "sensitive": "city"}
    with pytest.raises(NotEvaluated, match=r"sensitive=town: there is no such column: age, income"):
        TableEvaluator(sensitive="town").prepare(data)


def test_other_data_are_refused():
    with pytest.raises(NotEvaluated, match="evaluates tables, and the data are Images"):
        TableEvaluator().prepare(Digits(64, [1, 8, 8], 10, 0))


def test_findings_within_the_interval_are_chance():
    real = {"utility_auc": 0.9}
    metrics = {"utility_auc": 0.85, "utility_margin": 0.08, "membership_auc": 0.57}
    metrics |= {"membership_margin": 0.08, "attribute_advantage": 0.07, "attribute_margin": 0.08}
    assert beyond_chance(metrics, real) == []
    metrics |= {"utility_margin": 0.02, "membership_margin": 0.02, "attribute_margin": 0.02}
    assert [one.split(":")[0] for one in beyond_chance(metrics, real)] == ["utility", "privacy", "privacy"]


@pytest.mark.slow
def test_odd_columns_are_evaluated():
    """A constant column, one without values, one with 300 categories, and one that is constant among the samples."""
    schema = {
        "constant": {"kind": "integer", "bins": 1},
        "empty": {"kind": "real", "bins": 4, "missing": True},
        "many": {"kind": "category", "values": [str(i) for i in range(300)]},
        "class": {"kind": "category", "values": ["a", "b", "c"]},
    }

    def odd(n: int, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        many = torch.randint(300, (n,), generator=generator)
        return torch.stack([torch.ones(n), torch.full((n,), torch.nan), many, many % 2], 1).double()

    class Odd(People):
        target = 3

        def __init__(self) -> None:
            Data.__init__(self, Table(schema), 32, 0)

        def load(self) -> Examples:
            self.modality.fit(odd(90, 0))
            return Examples(odd(90, 0))

        def load_test(self) -> Examples:
            return Examples(odd(60, 1))

    data, evaluator = Odd(), TableEvaluator()
    data.setup("test")
    evaluator.prepare(data)
    samples = odd(60, 2)
    samples[:, 3] = 2
    metrics = evaluator(samples)
    assert np.isfinite([*metrics.values(), *evaluator.real_baseline().values()]).all()
    assert metrics["utility_auc"] == 0.5
    assert metrics["shape_error"] > 0.25
    assert evaluator.pictures(samples)["marginals"].std() > 5


# Commands -------------------------------------------------------------------------------------------------------------


def test_training_is_evaluated(run):
    small = ["data=breast_cancer", "trainer=cpu", "model.generator.hidden_dims=[16]"]
    result = run("train", *small, "model.discriminator.hidden_dims=[16]", "max_iterations=5", "hydra.run.dir=run")
    assert result.code == 0, result.err
    assert "membership_auc" in result.out
    metrics = json.loads(Path("run/metrics.json").read_text(encoding="utf-8"))
    assert metrics["evaluation/two_sample_auc"] > 0.9
    assert metrics["evaluation/utility_mean_f1"] < 0.9


@pytest.mark.slow
def test_file_of_real_rows_is_evaluated(run):
    """Seven of ten rows are training rows."""
    Table(SCHEMA).write(people(600, 0), Path("."))
    table = ["data=table", "data.csv=samples.csv", "data.target=grade", "data.evaluator.sensitive=city"]
    result = run("evaluate", "samples=samples.csv", *table)
    assert result.code == 0, result.err
    assert "of the samples are training rows, cell by cell" in result.out
    found = json.loads(Path("evaluation/samples/metrics.json").read_text(encoding="utf-8"))
    assert found["baselines"].keys() == {"noisy copies", "independent columns", "naive Bayes", "tree", "TAN"}
    assert found["generators"]["raw"]["exact_copies"]["mean"] == pytest.approx(0.7, abs=0.1)
    assert found["extractor"] == {"name": "TableEvaluator", "sensitive": "city"}
    assert Path("evaluation/samples/pair_errors.png").is_file()
