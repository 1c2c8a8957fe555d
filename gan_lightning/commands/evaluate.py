"""Judges samples of checkpoints, or from anywhere, against real data."""

import hashlib
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gan_lightning.algorithms.model import Weights
from gan_lightning.config.effects import example_settings
from gan_lightning.config.settings import EvaluateSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import ImageData, to_uint8
from gan_lightning.data.samples import read_samples
from gan_lightning.errors import UserError
from gan_lightning.files import write_json
from gan_lightning.metrics import pictures
from gan_lightning.metrics.choice import choose
from gan_lightning.metrics.findings import HEADLINE, findings
from gan_lightning.metrics.suite import PARTS, Figures, Reference, View
from gan_lightning.metrics.table import metrics_table
from gan_lightning.paths import METRICS
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.manifest import environment
from gan_lightning.tables import markdown

COLUMNS = (*HEADLINE, "modes", "duplicate_rate", "copy_rate")  # of the table of several checkpoints

Draw = Callable[[int], tuple[Tensor, Tensor | None]]
Draws = list[Draw]
Values = dict[str, list[float]]  # of each metric, one a seed


@dataclass
class Subject:
    """What is judged, and where its figures go."""

    name: str
    folder: Path
    facts: dict[str, Any]
    draws: dict[str, Draws]  # by generator, one a seed: n to pictures (n, C, H, W) uint8 and wanted labels
    available: int | None = None  # samples; None for as many as wanted


def evaluate(cfg: EvaluateSettings) -> str:
    """Write what ``conf/evaluate.yaml`` describes and return the table to show."""
    if (cfg.checkpoint is None) == (cfg.samples is None):
        raise UserError("checkpoint=…, a run's folder or a .ckpt file, or samples=… is needed, and not both")
    trained = [] if cfg.checkpoint is None else [load(str(path), cfg.trust) for path in _files(cfg.checkpoint)]
    data = _data(cfg, trained)
    data.prepare_data()
    data.setup("test")
    extractor = choose(cfg.features, data)
    subjects = _of_checkpoints(cfg, trained) if trained else [_of_files(cfg, data)]
    wanted = cfg.n or subjects[0].available or data.evaluation_samples
    reference = Reference(data, extractor, min(wanted, subjects[0].available or wanted), cfg.seed)

    rows: dict[str, Values] = {}
    sets = sum(len(draws) for subject in subjects for draws in subject.draws.values())
    with tqdm(total=PARTS * (sets + 1), desc="evaluating", leave=False, disable=None) as bar:
        floor = _whole(reference.floor(), bar)
        for subject in subjects:
            bar.set_description(f"evaluating {subject.name}")
            values = {name: _judge(draws, reference, bar) for name, draws in subject.draws.items()}
            _write(subject, reference, data, cfg.seed, values, floor)
            rows |= {f"{subject.name} ({name})" if len(values) > 1 else subject.name: v for name, v in values.items()}
    if len(subjects) == 1:
        cells = {name: {metric: _cell(many) for metric, many in values.items()} for name, values in rows.items()}
        table = metrics_table(cells, floor)
    else:
        table = _table(rows, floor)
    seeds = max(len(draws) for draws in subjects[0].draws.values())
    return "\n".join(
        [
            f"{reference.n:,} samples × {seeds} against {reference.n:,} real pictures ({reference.split}), "
            f"by {extractor.name}",
            "",
            table,
            "",
            *(_verdict(name, values, floor) for name, values in rows.items()),
            "",
            *(f"{subject.name}: {subject.folder}" for subject in subjects),
        ]
    )


def _files(checkpoint: str | list[str]) -> list[Path]:
    """The files that ``checkpoint`` names; where it is a folder of them, all."""
    named = checkpoint if isinstance(checkpoint, list) else [checkpoint]
    return [path for name in (Path(str(one)) for one in named) for path in sorted(name.glob("*.ckpt")) or [name]]


def _data(cfg: EvaluateSettings, trained: list[Trained]) -> ImageData:
    """The real data to compare with: what ``data`` says, else what the checkpoints were trained on."""
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
        if one.data.sample_shape != data.sample_shape:
            raise UserError(
                f"checkpoint={one.path}: makes pictures of {list(one.data.sample_shape)}, "
                f"the data have {list(data.sample_shape)}: name the data that it was trained on"
            )
    return data


def _of_checkpoints(cfg: EvaluateSettings, trained: list[Trained]) -> list[Subject]:
    common = Path(os.path.commonpath([one.run_dir.absolute().parent for one in trained]))
    subjects = []
    for one in trained:
        name = str(one.run_dir.absolute().relative_to(common) / one.path.stem)
        folder = one.run_dir / "evaluation" / one.path.stem
        if cfg.output is not None:
            folder = Path(cfg.output, name) if len(trained) > 1 else Path(cfg.output)
        facts = {
            "checkpoint": str(one.path),
            "sha256": hashlib.sha256(one.path.read_bytes()).hexdigest(),
            "iteration": one.model.iteration,
            "seeds": list(cfg.seeds),
        }
        draws: dict[str, Draws] = {
            weights: [_sampler(one, seed, weights) for seed in cfg.seeds] for weights in one.model.weights
        }
        subjects.append(Subject(name, folder, facts, draws))
    return subjects


def _sampler(trained: Trained, seed: int, weights: Weights) -> Draw:
    def draw(n: int) -> tuple[Tensor, Tensor | None]:
        labels = trained.model.sample_labels(n, seed)
        return to_uint8(trained.model.sample(n, labels, seed=seed, weights=weights)), labels

    return draw


def _of_files(cfg: EvaluateSettings, data: ImageData) -> Subject:
    path = Path(str(cfg.samples))
    samples = read_samples(path, data.sample_shape)
    folder = Path(cfg.output) if cfg.output else path.parent / "evaluation" / path.stem
    return Subject(
        str(path), folder, {"samples": str(path)}, {"raw": [lambda n: (_spread(samples, n), None)]}, len(samples)
    )


def _judge(draws: Draws, reference: Reference, bar: tqdm) -> Values:
    """The values of each metric over the seeds."""
    figures = [_whole(reference.judge(_view(draw, reference)), bar) for draw in draws]
    return {name: [one[name] for one in figures] for name in figures[0]}


def _view(draw: Draw, reference: Reference) -> View:
    pictures, wanted = draw(reference.n)
    return View(pictures, reference.extractor, wanted)


def _spread(samples: Tensor, n: int) -> Tensor:
    """n of them from all over the set: files may be in the order of their classes."""
    return samples[torch.linspace(0, len(samples) - 1, n).long()]


def _whole(parts: Iterator[Figures], bar: tqdm) -> Figures:
    figures: Figures = {}
    for part in parts:
        figures |= part
        bar.update()
    return figures


def _write(
    subject: Subject, reference: Reference, data: ImageData, seed: int, values: dict[str, Values], floor: Figures
) -> None:
    """metrics.json, and the pictures of the first generator's samples."""
    extractor = reference.extractor
    versions = environment()
    subject.folder.mkdir(parents=True, exist_ok=True)
    content = subject.facts | {
        "n": reference.n,
        "extractor": {"name": extractor.name, "sha256": extractor.sha256} | extractor.facts,
        "reference": {"split": reference.split, "n": reference.n, "seed": seed} | data.describe(),
        "versions": {"python": versions["python"]} | versions["packages"],
        "threads": torch.get_num_threads(),
        "generators": {
            generator: {name: _spread_of(many) for name, many in figures.items()}
            for generator, figures in values.items()
        },
        "floor": floor,
    }
    write_json(subject.folder / METRICS, content)
    view = _view(next(iter(subject.draws.values()))[0], reference)
    drawn = {
        "samples": pictures.grid(data, view),
        "nearest_training": pictures.beside_nearest(data, view, reference.training),
        "precision_recall": pictures.precision_and_recall(reference, view),
    }
    if view.labels is not None:
        drawn["classes"] = pictures.class_histogram(reference, view)
    for name, picture in drawn.items():
        Image.fromarray(picture).save(subject.folder / f"{name}.png")


def _spread_of(values: list[float]) -> dict[str, Any]:
    """Mean and sample standard deviation over the seeds."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "sd": sd, "values": values}


def _cell(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"


def _table(rows: dict[str, Values], floor: Figures) -> str:
    columns = [name for name in COLUMNS if any(name in values for values in rows.values())]
    lines = [
        {"": subject} | {name: _cell(values[name]) for name in columns if name in values}
        for subject, values in rows.items()
    ]
    return markdown(["", *columns], [*lines, {"": "real data"} | {name: floor[name] for name in columns}])


def _verdict(name: str, values: Values, floor: Figures) -> str:
    found = findings({metric: statistics.mean(many) for metric, many in values.items()}, floor)
    return "\n  ".join([f"{name}:", *(found or ["nothing found wrong"])])


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.evaluate()
