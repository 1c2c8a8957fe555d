"""Fixtures that run commands through their real entry points, in this process and in an empty folder."""

import json
import logging
import os
import shutil
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra._internal.hydra import Hydra
from hydra.types import RunMode

from gan_lightning.commands import cli

ROOT = Path(__file__).parents[1]
NAMED = os.environ.get("GAN_DATA_DIR")
DATA_FOLDERS = [*([Path(NAMED).absolute()] if NAMED else []), ROOT / "data", *ROOT.parent.glob("*/data")]
torch.set_num_threads(1)
for number in (signal.SIGINT, signal.SIGHUP):  # ignored in background jobs of a script
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# A small network on few images: an iteration takes a millisecond.
FAST = [
    "data=digits",
    "trainer=cpu",
    "model.generator.hidden_dims=[16]",
    "model.discriminator.hidden_dims=[16]",
    "data.batch_size=256",  # 8 batches an epoch
    "callbacks.evaluation=null",  # an evaluation takes a second
]


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """Keep Hydra from composing each config a first time for the value of ``hydra.mode`` alone.

    Only arguments set the mode of ``train``; the config files of the other commands set RUN.
    """
    get_mode = Hydra.get_mode

    def known_mode(hydra: Hydra, config_name: str, overrides: list[str]) -> RunMode | None:
        if any(override.lstrip("+~").startswith("hydra.mode") for override in overrides):
            return get_mode(hydra, config_name, overrides)
        return None if config_name == "train" else RunMode.RUN

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", known_mode)
        yield


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Callable[..., Result]:
    """Return a function that runs a command in an empty working directory: ``run("train", "key=value", …)``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(command: str, *arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", [f"{command}.py", *map(str, arguments)])
        code = 0
        try:
            getattr(cli, command)()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command over files, and returns its exit code and output."""

    def call(main: Callable[[], None], *arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])  # Hydra's, of an earlier test, has a closed stream
        monkeypatch.setattr(sys, "argv", [f"gan-{main.__module__.split('.')[-1]}", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        output = capfd.readouterr()
        assert "Traceback" not in output.err
        return code, (output.out + output.err).strip()

    return call


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path, Callable[[], object]], None]:
    """Return a function that fills a folder by calling ``make``, or with a copy of an earlier result of that name."""
    made: dict[str, Path] = {}

    def fill(name: str, folder: Path, make: Callable[[], object]) -> None:
        if name in made:
            shutil.copytree(made[name], folder, dirs_exist_ok=True)
            return
        make()
        made[name] = tmp_path_factory.mktemp(name)
        shutil.copytree(folder, made[name], dirs_exist_ok=True)

    return fill


@pytest.fixture
def trained_once(run: Callable[..., Result], made_once: Callable, tmp_path: Path) -> Callable[..., None]:
    """Return a function that trains a run, or copies the run that it trained before under the same name."""

    def call(name: str, *arguments: str) -> None:
        def make() -> None:
            result = run("train", *arguments)
            assert result.code == 0, result.err

        made_once(name, tmp_path, make)

    return call


@pytest.fixture
def only_run(tmp_path: Path) -> Callable[[], Path]:
    """Return a function that finds the only folder of a run."""

    def find() -> Path:
        (manifest,) = tmp_path.glob("outputs/*/*/manifest.json")
        return manifest.parent

    return find


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """Folder with 128 random images in place of each of torchvision's idx data sets."""
    random = np.random.default_rng(0)
    for dataset in ("MNIST", "FashionMNIST", "KMNIST"):
        folder = tmp_path / "idx" / dataset / "raw"
        for part in ("train", "t10k"):
            write_idx(folder / f"{part}-images-idx3-ubyte", random.integers(0, 256, (128, 28, 28)))
            write_idx(folder / f"{part}-labels-idx1-ubyte", random.integers(0, 10, 128))
    return tmp_path / "idx"


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Return a function that returns the path of real data, such as ``adult``, or skips the test if they are missing.

    They are looked for in GAN_DATA_DIR, ./data, and data/ in a folder beside the checkout.
    """

    def find(name: str) -> Path:
        for folder in DATA_FOLDERS:
            if (folder / name).exists():
                return (folder / name).resolve()
        pytest.skip(f"real data are missing: set GAN_DATA_DIR to the folder that holds {name}")

    return find


@pytest.fixture
def real_mnist(real_data) -> Path:
    """Folder that holds the real MNIST."""
    return real_data("MNIST/raw/train-images-idx3-ubyte").parents[2]


@pytest.fixture
def nouns_folder(tmp_path: Path) -> Path:
    """Folder with invented parts in place of those of Nouns: rectangles of random size and color."""
    random = np.random.default_rng(0)

    def part() -> str:
        (top, bottom), (left, right) = np.sort(random.integers(0, 31, (2, 2)))
        pixels = (bottom + 1 - top) * (right + 1 - left)
        color = int(random.integers(1, 10))
        runs = [255] * (pixels // 255) + [pixels % 255]
        content = [0, top, right + 1, bottom, left, *(one for length in runs for one in (length, color))]
        return f"0x{bytes(map(int, content)).hex()}"

    numbers = {"bodies": 30, "accessories": 143, "heads": 254, "glasses": 23}
    names = {"bodies": "body", "accessories": "accessory", "heads": "head", "glasses": "glasses"}
    images = {
        key: [{"filename": f"{names[key]}-{names[key]}{i}", "data": part()} for i in range(n)]
        for key, n in numbers.items()
    }
    palette = ["", *(random.bytes(3).hex() for _ in range(9))]
    folder = tmp_path / "nouns"
    folder.mkdir()
    content = {"bgcolors": ["d5d7e1", "e1d7d5"], "palette": palette, "images": images}
    (folder / "image-data.json").write_text(json.dumps(content))
    return folder
