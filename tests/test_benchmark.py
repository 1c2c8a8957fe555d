"""scripts/benchmark.py: a short run of each kind of benchmark."""

import json
import subprocess
import sys

import pytest
import torch

from gan_lightning.networks import mlp
from scripts.benchmarks import limits, loops
from tests.conftest import ROOT

CPU = torch.device("cpu")


def run_benchmark(name, folder, data, *arguments, threads=1):
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), name, "--threads", str(threads)]
    environment = {"GAN_DATA_DIR": str(data), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_loops_train_the_networks_of_model_mlp():
    expected = mlp.Generator(100, [1, 28, 28], [256, 512, 1024]), mlp.Discriminator([1, 28, 28], [1024, 512, 256])
    for network, reference in zip(loops.networks(), expected, strict=True):
        shapes = [tuple(p.shape) for p in network.parameters()]
        assert shapes == [tuple(p.shape) for p in reference.parameters()]


def test_floating_point_operations_equal_a_count_by_hand():
    """Count two operations for each weight and sample in each pass.

    The passes are forward, backward to the weights, and backward to the inputs of all layers but the first.
    """
    images = torch.zeros(64, 784, dtype=torch.uint8)
    counted = limits.floating_point_operations(loops.fast_loop(loops.batches_from_memory(images, 64), CPU))
    g = [100 * 256, 256 * 512, 512 * 1024, 1024 * 784]
    d = [784 * 1024, 1024 * 512, 512 * 256, 256]
    generator = sum(g) + sum(g) + sum(g[1:])
    discriminator = 2 * (sum(d) + sum(d) + sum(d[1:])) + sum(d) + sum(d)
    assert counted == 2 * 64 * (generator + discriminator)


@pytest.mark.slow
def test_missing_data_is_an_error(tmp_path):
    result = run_benchmark("step", tmp_path, tmp_path / "nowhere")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "GAN_DATA_DIR" in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_step(tmp_path, real_mnist):
    page = tmp_path / "page.md"
    page.write_text("<!-- step 1 -->\n<!-- end of step 1 -->\n")
    arguments = ["--rounds", "1", "--iterations", "2", "--page", "page.md", "--json", "all.json"]
    result = run_benchmark("step", tmp_path, real_mnist, *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [row[""] for row in rows[:6:5]] == ["article, as published", "ours"]
    assert all(len(row["_seconds"]) == 1 for row in rows[:-2])
    assert "%" in rows[5]["over by hand"]
    assert rows[5][""] in page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["profile", "startup"])
def test_profile_and_startup(tmp_path, real_mnist, name):
    result = run_benchmark(name, tmp_path, real_mnist, "--rounds", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("|")
