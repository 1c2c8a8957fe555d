"""The GAN of tables, whose generator refines rows of a counting model."""

import json

import pytest
import torch

from gan_lightning.networks import table_counts, table_gan
from gan_lightning.networks.straight_through import uniform
from gan_lightning.runs.checkpoints import load

BLOCKS = [3, 2, 4]
GAN = ["data=breast_cancer", "model=table_gan", "trainer=cpu", "callbacks.evaluation=null", "conditional=true"]


def generator(num_classes=2):
    torch.manual_seed(0)
    start = table_counts.Generator(BLOCKS, 1, "tan")
    start.fit(start(torch.rand(500, 3)))
    return table_gan.Generator(BLOCKS, start, 4, 16, 2, target=1, num_classes=num_classes)


def latents(n):
    return torch.randn(n, 4 + 3 + 9, generator=torch.Generator().manual_seed(1))


def test_rows_are_one_hot_and_have_their_label():
    condition = torch.arange(64) % 2
    rows = generator()(latents(64), condition)
    for block in rows.split(BLOCKS, 1):
        assert torch.equal(block.round(), block.detach().round())
        assert block.detach().max(1).values.tolist() == pytest.approx([1] * 64, abs=1e-6)
        assert block.sum(1).tolist() == pytest.approx([1] * 64, abs=1e-5)
    assert torch.equal(rows.split(BLOCKS, 1)[1].argmax(1), condition)


def test_row_is_a_function_of_its_latent_and_its_label():
    model, latent, label = generator(), latents(20), torch.arange(20) % 2
    torch.testing.assert_close(model(latent, label)[5:9], model(latent[5:9], label[5:9]))


def test_untrained_generator_keeps_most_values_of_the_counting_model():
    model, n = generator(), 20_000
    latent = latents(n)
    rows = model(latent, torch.zeros(n, dtype=torch.int64)).detach()
    start = model.start(uniform(latent[:, 4:7]), torch.zeros(n, dtype=torch.int64))
    for block, of_start, size in zip(rows.split(BLOCKS, 1), start.split(BLOCKS, 1), BLOCKS, strict=True):
        kept = (block.argmax(1) == of_start.argmax(1)).double().mean().item()
        spread = table_gan.SMOOTHING
        assert kept == pytest.approx(1 if size == 2 else 1 - spread + spread / size, abs=0.01)


def test_train_generate_and_resume(run, tmp_path):
    """The counting models of both generators have counted each training row once."""
    result = run("train", *GAN, "max_iterations=8", "ema_decay=0.9", "hydra.run.dir=run")
    assert result.code == 0, result.err
    result = run("train", "resume=run", "max_iterations=12")
    assert result.code == 0, result.err
    model, data = load("run").model, load("run").data
    for one in (model.generator, model.ema):
        assert one.start.counts[:, : BLOCKS[0], : data.modality.blocks[0]].sum() <= 398
        assert one.start.counts[:, : data.modality.blocks[0], : data.modality.blocks[0]].sum() == 398
    assert json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))["iteration"] == 12
    result = run("generate", "checkpoint=run", "n=7", "condition=malignant", "format=files", "output=rows")
    assert result.code == 0, result.err
    header, *rows = (tmp_path / "rows" / "samples.csv").read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("diagnosis")
    assert [row.split(",")[column] for row in rows] == ["malignant"] * 7
