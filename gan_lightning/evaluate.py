"""Judges samples of checkpoints, or from anywhere, against real data."""

import hashlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, ListConfig
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gan_lightning.checkpoints import Trained, load
from gan_lightning.config import instantiate
from gan_lightning.data.image_folder import is_picture
from gan_lightning.data.images import ImageData, to_uint8
from gan_lightning.errors import UserError
from gan_lightning.manifest import environment
from gan_lightning.metrics import pictures
from gan_lightning.metrics.choice import choose
from gan_lightning.metrics.findings import HEADLINE, MEANING, findings
from gan_lightning.metrics.suite import PARTS, Figures, Reference, View
from gan_lightning.model import Weights
from gan_lightning.runs import METRICS, write_json
from gan_lightning.sweep import markdown

COLUMNS = (*HEADLINE, "modes", "duplicate_rate", "copy_rate")  # of the table of several checkpoints
NOT_THE_PICTURES = {"root", "cache_dir", "download", "checksums", "batch_size", "seed"}

Draws = list[Callable[[int], Tensor]]
Values = dict[str, list[float]]  # of each metric, one a seed


@dataclass
class Subject:
    """What is judged, and where its figures go."""

    name: str
    folder: Path
    facts: dict[str, Any]
    draws: dict[str, Draws]  # by generator, one a seed: n to pictures (n, C, H, W) uint8


def evaluate(cfg: DictConfig) -> str:
    """Write what ``conf/evaluate.yaml`` describes and return the table to show."""
    if (cfg.checkpoint is None) == (cfg.samples is None):
        raise UserError("checkpoint=…, a run's folder or a .ckpt file, or samples=… is needed, and not both")
    if cfg.samples is None:
        subjects, data = _checkpoints(cfg)
        n = cfg.n or data.evaluation_samples
    else:
        data, n = _chosen_data(cfg), cfg.n
    data.prepare_data()
    data.setup("test")
    extractor = choose(cfg.features, data)
    if cfg.samples is not None:
        path = Path(str(cfg.samples))
        samples = read_samples(path, data.sample_shape)
        n = min(n or len(samples), len(samples))
        folder = Path(cfg.output) if cfg.output else path.parent / "evaluation" / path.stem
        subjects = [
            Subject(str(path), folder, {"samples": str(path)}, {"raw": [lambda count: _spread(samples, count)]})
        ]
    reference = Reference(data, extractor, n, cfg.seed)

    sets = sum(len(draws) for subject in subjects for draws in subject.draws.values())
    with tqdm(total=PARTS * (sets + 1), desc="evaluating", leave=False, disable=None) as bar:
        floor = _whole(reference.floor(), bar)
        rows: dict[str, Values] = {}
        folders = []
        for subject in subjects:
            bar.set_description(f"evaluating {subject.name}")
            values, shown = {}, None
            for generator, draws in subject.draws.items():
                views = [View(draw(reference.n), extractor) for draw in draws]
                shown = shown or views[0]
                figures = [_whole(reference.judge(view), bar) for view in views]
                values[generator] = {name: [one[name] for one in figures] for name in figures[0]}
            assert shown is not None
            _write(subject, reference, data, cfg.seed, shown, values, floor)
            several = len(values) > 1
            rows |= {f"{subject.name} ({name})" if several else subject.name: one for name, one in values.items()}
            folders.append(f"{subject.name}: {subject.folder}")
    heading = f"{reference.n:,} samples × {len(draws)} against {reference.n:,} real pictures " + (
        f"({reference.split}), by {extractor.name}"
    )
    table = _single_table(rows, floor) if len(subjects) == 1 else _table(rows, floor)
    return "\n".join([heading, "", table, "", *(_verdict(name, rows[name], floor) for name in rows), "", *folders])


def _checkpoints(cfg: DictConfig) -> tuple[list[Subject], ImageData]:
    """What ``checkpoint`` names, and the data that it was trained on."""
    named = list(cfg.checkpoint) if isinstance(cfg.checkpoint, ListConfig) else [cfg.checkpoint]
    paths = [path for name in named for path in _files(str(name))]
    trained = [load(str(path)) for path in paths]
    if cfg.data is None:
        first, *others = ({k: v for k, v in t.config["data"].items() if k not in NOT_THE_PICTURES} for t in trained)
        if any(other != first for other in others):
            raise UserError(
                f"checkpoint={cfg.checkpoint}: trained on different data: data=… says which to compare with"
            )
    data = trained[0].data if cfg.data is None else _chosen_data(cfg)
    for one in trained:
        if one.data.sample_shape != data.sample_shape:
            raise UserError(
                f"checkpoint={one.path}: makes pictures of {list(one.data.sample_shape)}, "
                f"the data have {list(data.sample_shape)}: name the data that it was trained on"
            )
    subjects = []
    for one in trained:
        where = one.run_dir / "evaluation" / one.path.stem
        if cfg.output is not None:
            where = Path(cfg.output) if len(trained) == 1 else Path(cfg.output, f"{one.run_dir.name}_{one.path.stem}")
        facts = {
            "checkpoint": str(one.path),
            "sha256": hashlib.sha256(one.path.read_bytes()).hexdigest(),
            "iteration": one.model.iteration,
            "seeds": list(cfg.seeds),
        }
        draws: dict[str, Draws] = {
            name: [_sampler(one, seed, name) for seed in cfg.seeds] for name in one.model.weights
        }
        subjects.append(Subject(f"{one.run_dir.name}/{one.path.stem}", where, facts, draws))
    return subjects, data


def _files(checkpoint: str) -> list[Path]:
    """The file that a name stands for; all files by iteration where it is a folder of them."""
    inside = sorted(Path(checkpoint).glob("*.ckpt")) if Path(checkpoint).is_dir() else []
    return inside or [Path(checkpoint)]


def _sampler(trained: Trained, seed: int, weights: Weights) -> Callable[[int], Tensor]:
    return lambda n: to_uint8(trained.model.sample(n, seed=seed, weights=weights))


def _chosen_data(cfg: DictConfig) -> ImageData:
    if cfg.data is None:
        raise UserError(f"samples={cfg.samples}: data=… is needed: the real data to compare with, as in data=mnist")
    return instantiate(cfg.data, "data")


def read_samples(path: Path, sample_shape: tuple[int, ...]) -> Tensor:
    """Pictures (n, C, H, W) uint8 of a folder, or of the only array or ``samples`` in an .npz file.

    Nothing is resized or converted: that would be judged too.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if is_picture(file.name))
        if not files:
            raise UserError(f"samples={path}: no pictures in it or below")
        return torch.stack([_read_picture(file, sample_shape) for file in tqdm(files, "reading", disable=None)])
    try:
        with np.load(path) as content:
            name = "samples" if "samples" in content else content.files[0]
            array = content[name]
    except (OSError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"samples={path}: must be a folder of pictures or an .npz file ({error})") from error
    if array.dtype != np.uint8:
        raise UserError(f"samples={path}: {name} is {array.dtype}: must be uint8 in 0…255")
    channels, height, width = sample_shape
    if array.shape[1:] == (height, width, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1:] == (height, width) and channels == 1:
        array = array[:, None]
    if array.shape[1:] != sample_shape:
        raise UserError(f"samples={path}: {name} is {list(array.shape)}: must be [n, {channels}, {height}, {width}]")
    return torch.from_numpy(np.ascontiguousarray(array))


def _read_picture(path: Path, sample_shape: tuple[int, ...]) -> Tensor:
    channels, height, width = sample_shape
    try:
        with Image.open(path) as picture:
            mode, size = picture.mode, picture.size
            array = np.array(picture)
    except Exception as error:  # decoders raise what they like
        raise UserError(f"{path}: not a readable picture ({error}): repair or remove it") from error
    if mode != ("L" if channels == 1 else "RGB") or size != (width, height):
        kind = "grey" if channels == 1 else "RGB"
        raise UserError(
            f"{path}: is {mode}, {size[0]}×{size[1]}: the data are {kind}, {width}×{height}, 8 bits a channel"
        )
    return torch.from_numpy(array).reshape(height, width, channels).permute(2, 0, 1)


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
    subject: Subject,
    reference: Reference,
    data: ImageData,
    seed: int,
    view: View,
    values: dict[str, Values],
    floor: Figures,
) -> None:
    """metrics.json and the pictures of one subject, the latter of its first generator's samples."""
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


def _single_table(rows: dict[str, Values], floor: Figures) -> str:
    lines = [
        {"metric": metric}
        | {name: _cell(values[metric]) for name, values in rows.items()}
        | {"real data": floor[metric], "what it is": MEANING[metric]}
        for metric in MEANING
        if metric in floor
    ]
    return markdown(["metric", *rows, "real data", "what it is"], lines)


def _table(rows: dict[str, Values], floor: Figures) -> str:
    columns = [name for name in COLUMNS if name in floor]
    lines = [{"": subject} | {name: _cell(values[name]) for name in columns} for subject, values in rows.items()]
    return markdown(["", *columns], [*lines, {"": "real data"} | {name: floor[name] for name in columns}])


def _verdict(name: str, values: Values, floor: Figures) -> str:
    found = findings({metric: statistics.mean(many) for metric, many in values.items()}, floor)
    return "\n  ".join([f"{name}:", *(found or ["nothing found wrong"])])
