"""Evaluates samples of checkpoints, or from anywhere, against real data."""

import inspect
import os
import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gan_lightning.algorithms.model import Weights
from gan_lightning.config.effects import example_settings
from gan_lightning.config.settings import EvaluateSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import NotWritten, UserError, explain_os_error
from gan_lightning.files import make_folder, read_json, write_json
from gan_lightning.metrics.evaluator import Evaluator, Metrics, evaluator_of
from gan_lightning.modalities.samples import Content, Sample, size, take
from gan_lightning.modalities.sheets import SUFFIX, write_sheet
from gan_lightning.paths import METRICS
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.manifest import environment
from gan_lightning.tables import markdown

EXAMPLES = {
    "data": "data=image_folder data.root=…, say",
    "features": "features=classifier features.path=…, say",
}

Values = dict[str, list[float]]  # of each metric, one a seed


@dataclass
class Source(ABC):
    """Provides samples to measure, and says where their metrics are written.

    Attributes:
        name: in tables.
        folder: to write to.
        facts: what metrics.json says of it.
        weights: generators that there are.
        seeds: to draw samples with.
    """

    name: str
    folder: Path
    facts: dict[str, Any]
    weights: Sequence[Weights]
    seeds: Sequence[int]

    @abstractmethod
    def content(self, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        """Return n samples as content, and the conditions that they were made for."""

    def measured(self, evaluator: Evaluator) -> dict[str, Values]:
        """Return the values of each metric over the seeds, by generator."""
        n = evaluator.reference.n
        return {
            weights: _by_metric([evaluator(*self.content(n, seed, weights)) for seed in self.seeds])
            for weights in self.weights
        }


@dataclass
class CheckpointSource(Source):
    """Draws samples from a trained model."""

    trained: Trained

    def content(self, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        data = self.trained.data
        condition = data.sample_conditions(n, seed)
        return data.modality.decode(self.trained.model.sample(n, condition, seed=seed, weights=weights)), condition


@dataclass
class FileSource(Source):
    """Has the samples that files hold."""

    samples: Content

    def content(self, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        """Return n of them from all over the set: files may be in the order of their classes."""
        return take(self.samples, torch.linspace(0, size(self.samples) - 1, n).long()), None


def evaluate(cfg: EvaluateSettings) -> str:
    """Write what ``conf/evaluate.yaml`` describes and return the table to show."""
    if (cfg.checkpoint is None) == (cfg.samples is None):
        raise UserError("checkpoint=…, a run's folder or a .ckpt file, or samples=… is needed, and not both")
    for key, node in (("data", cfg.data), ("features", cfg.features)):
        _check_chosen(key, node)
    if len(set(cfg.seeds)) < len(cfg.seeds):
        raise UserError(f"seeds={list(cfg.seeds)}: each must be another one: equal samples tell nothing of the spread")
    trained = [] if cfg.checkpoint is None else [load(str(path), cfg.trust_code) for path in _files(cfg.checkpoint)]
    data = _data(cfg, trained)
    evaluator = evaluator_of(data)
    data.prepare_data()
    data.setup("test")
    if cfg.data is None:
        _check_unchanged(data, trained)
    samples = None if trained else _read(cfg, data)
    available = cfg.n or evaluator.n if samples is None else size(samples)
    evaluator.prepare(data, min(cfg.n or available, available), seed=cfg.seed)

    sources = [_of_file(cfg, samples)] if samples is not None else _of_checkpoints(cfg, trained)
    rows: dict[str, Values] = {}
    unwritten = None
    for source in sources:
        values = source.measured(evaluator)
        try:
            _write(source, evaluator, cfg.seed, values)
        except OSError as error:
            unwritten = f"output={source.folder}: {explain_os_error(error)}"
        rows |= {f"{source.name} ({name})" if len(values) > 1 else source.name: v for name, v in values.items()}
    summary = _summary(sources, evaluator, rows)
    if unwritten is not None:
        raise NotWritten(unwritten, summary)
    return summary


def _check_chosen(key: str, node: Mapping[str, Any] | None) -> None:
    """Raise UserError for keys of an option that nobody chose, as ``+data.root=…`` alone gives them."""
    if node is not None and "_target_" not in node:
        given = next((f"{key}.{name}={value}" for name, value in node.items()), f"{key}={node}")
        raise UserError(
            f"{given}: is no key here unless {key}=… chooses what it belongs to: {EXAMPLES[key]}; --help lists them"
        )


def _files(checkpoint: str | Sequence[str]) -> list[Path]:
    """Return the files that ``checkpoint`` names; where it is a folder of them, all."""
    named = [checkpoint] if isinstance(checkpoint, str) else checkpoint
    return [path for name in map(Path, named) for path in sorted(name.glob("*.ckpt")) or [name]]


def _data(cfg: EvaluateSettings, trained: list[Trained]) -> Data:
    """Return the real data to compare with: what ``data`` says, else what the checkpoints were trained on."""
    if cfg.data is None and not trained:
        raise UserError(f"samples={cfg.samples}: data=… is needed: the real data to compare with, as in data=mnist")
    if cfg.data is None:
        first, *others = (example_settings(one.config["data"]) for one in trained)
        if any(other != first for other in others):
            raise UserError(
                f"checkpoint={cfg.checkpoint}: trained on different data: data=… says which to compare with"
            )
    data = trained[0].data if cfg.data is None else instantiate(cfg.data, "data")
    for one in trained:
        found, expected = one.data.modality.sample_shape, data.modality.sample_shape
        if type(one.data.modality) is not type(data.modality) or found != expected:
            raise UserError(
                f"checkpoint={one.path}: makes {_kind(one.data)}, the data have {_kind(data)}: "
                "name the data that it was trained on"
            )
    if cfg.features is not None:
        node = cfg.data or trained[0].config["data"]
        data.evaluator = _with_features(evaluator_of(data), node["evaluator"], cfg.features)
    return data


def _check_unchanged(data: Data, trained: list[Trained]) -> None:
    """Refuse to compare with examples that have changed since a checkpoint was trained on them."""
    now = data.describe()["sha256"]
    for one in trained:
        if one.trained_on and one.trained_on[-1].get("sha256") != now:
            raise UserError(
                f"checkpoint={one.path}: the data have changed since it was trained: "
                "bring back those, or data=… says which to compare with"
            )


def _kind(data: Data) -> str:
    shape = data.modality.sample_shape
    return f"{type(data.modality).__name__} {shape if isinstance(shape, dict) else list(shape)}"


def _with_features(evaluator: Evaluator, node: Mapping[str, Any], features: Mapping[str, Any]) -> Any:
    """Return the evaluator that a node describes, with other features."""
    if "features" not in inspect.signature(type(evaluator)).parameters:
        raise UserError(f"features={features['_target_']}: {type(evaluator).__name__} has no features to choose")
    return instantiate({**node, "features": features}, "data.evaluator")


def _read(cfg: EvaluateSettings, data: Data) -> Content:
    """Return the content of the samples, without the sheets that earlier evaluations have written among them."""
    path = Path(str(cfg.samples))
    if cfg.output is not None and path.is_dir() and path.resolve() == Path(cfg.output).resolve():
        raise UserError(f"output={cfg.output}: is the folder of the samples: another one, or leave it out")
    try:
        return data.modality.read(path, [found.parent for found in path.rglob(METRICS) if _is_of_evaluation(found)])
    except UserError as error:
        raise UserError(f"samples={cfg.samples}: {str(error).removeprefix(f'{cfg.samples}: ')}") from error


def _is_of_evaluation(metrics: Path) -> bool:
    """Return whether an evaluation has written a file of metrics."""
    return {"reference", "generators", "floor"} <= read_json(metrics).keys()


def _of_file(cfg: EvaluateSettings, samples: Content) -> Source:
    path = Path(str(cfg.samples))
    folder = Path(cfg.output) if cfg.output else path.parent / "evaluation" / path.stem
    return FileSource(str(path), folder, {"samples": str(path)}, ["raw"], [0], samples)


def _of_checkpoints(cfg: EvaluateSettings, trained: list[Trained]) -> list[Source]:
    common = Path(os.path.commonpath([one.run_dir.absolute().parent for one in trained]))
    sources: list[Source] = []
    for one in trained:
        name = str(one.run_dir.absolute().relative_to(common) / one.path.stem)
        folder = one.run_dir / "evaluation" / one.path.stem
        if cfg.output is not None:
            folder = Path(cfg.output, name) if len(trained) > 1 else Path(cfg.output)
        facts = {
            "checkpoint": str(one.path),
            "sha256": one.digest,
            "iteration": one.model.iteration,
            "seeds": list(cfg.seeds),
        }
        sources.append(CheckpointSource(name, folder, facts, one.model.weights, list(cfg.seeds), one))
    return sources


def _by_metric(metrics: Sequence[Metrics]) -> Values:
    return {name: [one[name] for one in metrics] for name in metrics[0]}


def _write(source: Source, evaluator: Evaluator, seed: int, values: dict[str, Values]) -> None:
    """Write metrics.json, and sheets of the first generator's samples."""
    reference, versions = evaluator.reference, environment()
    content = source.facts | {
        "n": reference.n,
        "extractor": evaluator.describe(),
        "reference": {"split": reference.split, "n": reference.n, "seed": seed} | reference.data.describe(),
        "versions": {"python": versions["python"]} | versions["packages"],
        "threads": torch.get_num_threads(),
        "generators": {
            generator: {name: _statistics(many) for name, many in metrics.items()}
            for generator, metrics in values.items()
        },
        "floor": evaluator.real_baseline(),
    }
    sheets = evaluator.pictures(*source.content(reference.n, source.seeds[0], source.weights[0]))
    make_folder(source.folder)
    write_json(source.folder / METRICS, content)
    for name, sheet in sheets.items():
        write_sheet(source.folder / f"{name}{SUFFIX}", sheet)


def _statistics(values: list[float]) -> dict[str, Any]:
    """Return mean and sample standard deviation over the seeds."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "sd": sd, "values": values}


def _summary(sources: Sequence[Source], evaluator: Evaluator, rows: dict[str, Values]) -> str:
    """Return what is shown in the end: a table of the metrics, what is wrong, where more is."""
    reference = evaluator.reference
    compared = (
        f"{reference.n:,} samples × {len(sources[0].seeds)} against {reference.n:,} real ones ({reference.split}), "
        f"by {evaluator.describe()['name']}"
    )
    cells = {name: {metric: _cell(many) for metric, many in values.items()} for name, values in rows.items()}
    table = evaluator.table(cells) if len(sources) == 1 else _headline_table(evaluator, cells)
    findings = [_findings(name, values, evaluator) for name, values in rows.items()]
    folders = [f"{source.name}: {source.folder}" for source in sources]
    return "\n".join([compared, "", table, "", *findings, "", *folders])


def _cell(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"


def _headline_table(evaluator: Evaluator, cells: dict[str, dict[str, str]]) -> str:
    """Return a table with a row for each set of samples."""
    columns = [name for name in evaluator.headline() if any(name in row for row in cells.values())]
    rows: list[dict[str, Any]] = [{"": name} | row for name, row in cells.items()]
    return markdown(["", *columns], [*rows, {"": "real data"} | evaluator.real_baseline()])


def _findings(name: str, values: Values, evaluator: Evaluator) -> str:
    found = evaluator.findings({metric: statistics.mean(many) for metric, many in values.items()})
    return "\n  ".join([f"{name}:", *(found or ["nothing found wrong"])])


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.evaluate()
