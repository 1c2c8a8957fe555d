"""Measures an iteration of the networks with styles: in plain PyTorch loops and in runs, by the size of the images."""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import hydra
import torch
from torch import Tensor, nn

from gan_lightning.config.resolvers import mixed_precision_if_faster
from gan_lightning.config.validation import instantiate
from gan_lightning.modalities.image import Images
from gan_lightning.networks.styles import StyledGenerator
from gan_lightning.paths import CONF_DIR

from . import loops
from .data import avatars
from .runs import peak_gpu_megabytes
from .speed import BATCH_SIZE, measure_in_rounds, measure_loop, measure_run, row_of_times
from .tables import Row, ratios

MODELS = ("style_dcgan", "stylegan")
SIZES = {"cpu": (32, 64), "cuda": (32, 64, 128, 256)}  # width and height of the images
IMAGES = 256
SHARE = 0.05  # of the iterations, which are slow
WARM_UP = 5  # iterations; a CUDA graph is captured in the fourth


def styles(arguments: argparse.Namespace) -> list[Row]:
    """Measure an iteration with the relativistic objective and R1 + R2, in bfloat16 if the hardware has units for it.

    The loops by hand train the same networks on the same images as the runs.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = []
    for size in SIZES[device.type]:
        images = avatars(IMAGES, size)
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "images")
            root.mkdir()
            Images(3, size, size).write(images, root)
            data = ["data=image_folder", f"data.root={root}", f"data.cache_dir={folder}", f"data.image_size={size}"]
            for model in MODELS:
                rows += compare(f"{model}, {size} px", [f"model={model}", *data], images.to(device), arguments)
    return rows


def compare(name: str, overrides: Sequence[str], images: Tensor, arguments: argparse.Namespace) -> list[Row]:
    """Measure a model by hand and in runs, on the device of the images; on a GPU, also with a CUDA graph.

    Args:
        name: beginning of the rows' names.
        overrides: the model and the data of a run.
        images: the same data, (N, 3, H, W) uint8.
        arguments: options of the command.
    """
    device, threads = images.device, arguments.threads
    iterations = max(int(SHARE * arguments.iterations), 1)
    precision = mixed_precision_if_faster("auto")
    run = [
        *overrides,
        "objective=relativistic",
        "regularizer=r1_r2",
        f"data.batch_size={BATCH_SIZE}",
        f"trainer.precision={precision}",
    ]
    runs = {"ours": run}
    if device.type == "cuda":
        runs["ours, cuda_graph=true"] = [*run, "model.cuda_graph=true"]
    batches = loops.batches_from_memory(images, BATCH_SIZE)
    loop = loops.penalized_loop(*networks(run), batches, device, mixed=precision == "bf16-mixed")
    contestants = {"by hand": measure_loop(loop, iterations, device, warm_up=WARM_UP)} | {
        one: measure_run(iterations, threads, *options, warm_up=WARM_UP) for one, options in runs.items()
    }
    measured = measure_in_rounds(contestants, arguments.rounds)
    rows = []
    for one, times in measured.items():
        row = row_of_times(f"{name}, {one}", times) | {"images/s": f"{BATCH_SIZE / statistics.median(times):,.0f}"}
        if one in runs:
            row["over by hand"] = f"{statistics.median(ratios(times, measured['by hand'])) - 1:+.1%}"
            if device.type == "cuda":
                row["GPU MB"] = f"{peak_gpu_megabytes(runs[one], WARM_UP, threads):,.0f}"
        rows.append(row)
    return rows


def networks(overrides: Sequence[str]) -> tuple[StyledGenerator, nn.Module]:
    """Return the generator and the discriminator of ``python train.py`` with these overrides."""
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        model = hydra.compose("train", list(overrides)).model
    return instantiate(model.generator, "model.generator"), instantiate(model.discriminator, "model.discriminator")
