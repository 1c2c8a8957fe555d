"""scripts/benchmark.py: each command once, as short as it goes."""

import json
import subprocess
import sys

import pytest
import torch

from gan_lightning.networks import mlp
from scripts.benchmarks import limits, loops
from tests.conftest import ROOT

CPU = torch.device("cpu")


def benchmark(what, folder, data, *arguments, threads=1):
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), what, "--threads", str(threads)]
    environment = {"GAN_DATA_DIR": str(data), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_loops_train_the_article_s_networks():
    ours = mlp.Generator(100, [1, 28, 28], [256, 512, 1024]), mlp.Discriminator([1, 28, 28], [1024, 512, 256])
    for network, reference in zip(loops.networks(), ours, strict=True):
        shapes = [tuple(p.shape) for p in network.parameters()]
        assert shapes == [tuple(p.shape) for p in reference.parameters()]


def test_floating_point_operations_by_hand():
    """Forward two a weight and sample; backward as much for weights and again for inputs, the first layer's aside."""
    images = torch.zeros(64, 784, dtype=torch.uint8)
    counted = limits.floating_point_operations(loops.tight(loops.batches_from_memory(images, 64), CPU))
    g = [100 * 256, 256 * 512, 512 * 1024, 1024 * 784]
    d = [784 * 1024, 1024 * 512, 512 * 256, 256]
    generator = sum(g) + sum(g) + sum(g[1:])
    discriminator = 2 * (sum(d) + sum(d) + sum(d[1:])) + sum(d) + sum(d)
    assert counted == 2 * 64 * (generator + discriminator)


def test_no_data(tmp_path):
    result = benchmark("step", tmp_path, tmp_path / "nowhere")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "GAN_DATA_DIR" in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_step(tmp_path, real_data):
    page = tmp_path / "page.md"
    page.write_text("<!-- step 1 -->\n<!-- end of step 1 -->\n")
    arguments = ["--rounds", "1", "--iterations", "2", "--page", "page.md", "--json", "all.json"]
    result = benchmark("step", tmp_path, real_data, *arguments)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [row[""] for row in rows[:6:5]] == ["article, as published", "ours"]
    assert all(len(row["_seconds"]) == 1 for row in rows[:-2])
    assert "%" in rows[5]["over by hand"]
    assert rows[5][""] in page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["profile", "startup"])
def test_the_others(tmp_path, real_data, what):
    result = benchmark(what, tmp_path, real_data, "--rounds", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("|")
