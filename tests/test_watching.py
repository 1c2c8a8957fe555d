"""Evaluation and alarm during training, through train.py."""

import json

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gan_lightning.metrics.images import ImageEvaluator
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST

EVALUATED = [argument for argument in FAST if not argument.startswith("callbacks.evaluation")]
OFTEN = ["callbacks.collapse_alarm.every_n_iterations=5", "callbacks.collapse_alarm.n=200"]


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def scalars(folder, tag):
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(tag)}


def test_all_metrics_every_few_epochs_and_at_the_end(run, only_run):
    result = run("train", *EVALUATED, "evaluate_every_n_epochs=2", "trainer.max_epochs=3", "callbacks.evaluation.n=200")
    assert result.code == 0, result.err
    folder = only_run()
    assert list(scalars(folder, "evaluation/fcd_train")) == [16, 24]
    final = metrics_of(folder)
    assert "evaluation  fcd_train" in result.out
    assert " (real 0." in result.out
    assert "variety: " in result.out

    # Metrics of samples from the checkpoint are the same.
    one = load(str(folder))
    one.data.setup("test")
    one.data.evaluator.prepare(one.data, 200)
    metrics = one.data.evaluator(one.data.modality.decode(one.model.sample(200, seed=1)))
    for name, value in metrics.items():
        assert final[f"evaluation/{name}"] == pytest.approx(value, rel=1e-9)

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "evaluation/text_summary" in events.Tags()["tensors"]


@pytest.mark.slow
def test_training_is_the_same_with_and_without_metrics(run, tmp_path):
    run("train", *EVALUATED, *OFTEN, "evaluate_every_n_epochs=1", "max_iterations=12", "hydra.run.dir=with")
    run("train", *FAST, "callbacks.collapse_alarm=null", "max_iterations=12", "hydra.run.dir=without")
    weights = [
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("with", "without")
    ]
    assert weights[0].keys() == weights[1].keys()  # the extractor is not part of the model
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name])


@pytest.mark.slow
def test_resumed_metrics_equal_uninterrupted_ones(run, tmp_path):
    often = [*EVALUATED, *OFTEN, "callbacks.evaluation.n=100"]
    run("train", *often, "max_iterations=13", "hydra.run.dir=whole")
    run("train", *often, "max_iterations=11", "hydra.run.dir=parts")
    run("train", "resume=parts", "max_iterations=13")
    assert metrics_of(tmp_path / "parts") == metrics_of(tmp_path / "whole")
    assert "quality/coverage" in metrics_of(tmp_path / "whole")

    finished = run("train", "resume=parts", "max_iterations=13")  # nothing left to do
    assert finished.code == 0, finished.err
    assert metrics_of(tmp_path / "parts") == metrics_of(tmp_path / "whole")


def test_alarm_is_raised_on_a_collapse(run, only_run):
    """A generator that has hardly learned anything generates equal samples."""
    result = run("train", *FAST, *OFTEN, "max_iterations=20", "model.generator_optimizer.lr=1e-6")
    assert result.code == 0, result.err
    assert "alarm: collapsed since iteration 5 or before: " in result.out
    assert "usual remedies: " in result.out
    assert "alarm       collapsed from iteration 5 on: " in result.out
    folder = only_run()
    assert list(scalars(folder, "alarm/collapsed").values()) == [0, 1, 1, 1]
    assert metrics_of(folder)["alarm/collapsed"] == 1
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "alarm/text_summary" in events.Tags()["tensors"]


def test_alarm_says_when_a_run_recovers(run, only_run, monkeypatch):
    verdicts = iter([["lost"], ["lost"], ["lost"], [], []])
    monkeypatch.setattr(ImageEvaluator, "collapsed", lambda *metrics: next(verdicts))
    result = run("train", *FAST, *OFTEN, "max_iterations=25")
    assert result.out.count("alarm: collapsed since iteration 5 or before: lost") == 1
    assert "alarm: the run has recovered by iteration 20" in result.out
    assert "alarm       collapsed from iteration 5 to 20: lost" in result.out
    assert "usual remedies" not in result.out.split("finished")[1]
    assert list(scalars(only_run(), "alarm/collapsed").values()) == [0, 1, 1, 0, 0]


def test_one_suspicious_check_raises_no_alarm(run, monkeypatch):
    verdicts = iter([["lost"], [], ["lost"], []])
    monkeypatch.setattr(ImageEvaluator, "collapsed", lambda *metrics: next(verdicts))
    result = run("train", *FAST, *OFTEN, "max_iterations=20")
    assert "alarm" not in result.out


def test_too_few_images_are_not_evaluated(run, tmp_path):
    (tmp_path / "few").mkdir()
    for i in range(8):
        Image.new("L", (28, 28), 30 * i).save(tmp_path / "few" / f"{i}.png")
    own = ["data=image_folder", "data.root=few", "data.channels=1", "data.batch_size=4", "trainer=cpu"]
    result = run("train", *own, "max_iterations=5", *OFTEN)
    assert result.code == 0, result.err
    assert result.out.count("not be evaluated: data: 4 real examples (half of the training set)") == 1


BROKEN = """
from gan_lightning.metrics.images import ImageEvaluator


class LateError(ImageEvaluator):
    def features(self, content):
        raise RuntimeError("no features")

    def view(self, content, condition=None):
        return super(ImageEvaluator, self).view(content, condition)


class EarlyError(ImageEvaluator):
    def prepare(self, *arguments):
        raise ValueError("no idea")
"""


@pytest.mark.parametrize(
    ("evaluator", "line"),
    [
        ("null", "samples will not be evaluated: data.evaluator=null"),
        ("{_target_: collections.OrderedDict}", "samples will not be evaluated: data.evaluator: makes a OrderedDict"),
        ("{_target_: broken.EarlyError}", "samples will not be evaluated: data.evaluator: ValueError no idea"),
        ("{_target_: broken.LateError}", "samples are not evaluated: metric "),
    ],
)
def test_failing_evaluator_does_not_stop_a_run(run, tmp_path, monkeypatch, evaluator, line):
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    often = [*OFTEN, "evaluate_every_n_epochs=1", "callbacks.evaluation.n=200"]
    result = run(
        "train", *EVALUATED, *often, f"data.evaluator={evaluator}", "trainer.max_epochs=2", "hydra.run.dir=run"
    )
    assert result.code == 0, result.err
    assert result.out.count(line) == 1
    assert "the alarm does not check samples" in result.out
    assert metrics_of(tmp_path / "run")["alarm/collapsed"] == 0


def test_a_missing_classifier_is_refused_before_training(run):
    result = run("train", *FAST, "features@data.evaluator.features=classifier", "data.evaluator.features.path=none")
    assert result.code == 2
    assert "features.path=none: not a readable .safetensors file" in result.err
    assert "finished" not in result.out


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "iterations", "alarm"), [("article", 1876, True), ("quickstart", 3000, False)])
def test_alarm_on_the_experiments(run, real_mnist, experiment, iterations, alarm):
    """The article's GAN is collapsed in its first two epochs; that of the quickstart does not collapse."""
    where = [f"data.root={real_mnist}"] if experiment == "article" else []
    limits = [f"max_iterations={iterations}", "callbacks.evaluation=null"]
    result = run("train", f"experiment={experiment}", *where, *limits)
    assert result.code == 0, result.err
    assert ("alarm: collapsed" in result.out) == alarm
