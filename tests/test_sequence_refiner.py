"""The GAN of sequences whose generator refines sequences of a counting model."""

import pytest
import torch

from gan_lightning.modalities.sequence import one_hot
from gan_lightning.networks import sequence_counts
from gan_lightning.networks.sequence_refiner import Generator, latent_parts
from gan_lightning.networks.straight_through import uniform
from gan_lightning.runs.checkpoints import load

BLOCKS, LENGTH = [3, 4], 6
PARTS = latent_parts((LENGTH, 7), 5)


@pytest.fixture
def generator():
    torch.manual_seed(0)
    codes = torch.stack([torch.randint(size, (500, LENGTH)) for size in BLOCKS], 2)
    start = sequence_counts.Generator(BLOCKS, LENGTH, 2).fit(one_hot(codes, BLOCKS))
    return Generator(BLOCKS, LENGTH, start, 5, 8)


def latents(n):
    return torch.randn(n, sum(PARTS), generator=torch.Generator().manual_seed(1))


def test_steps_are_one_hot_and_a_function_of_the_latent(generator):
    latent = latents(20)
    sample = generator(latent)
    assert sample.shape == (20, LENGTH, 7)
    for block in sample.detach().split(BLOCKS, 2):
        torch.testing.assert_close(block.max(2).values, torch.ones(20, LENGTH))
        torch.testing.assert_close(block.sum(2), torch.ones(20, LENGTH))
    torch.testing.assert_close(generator(latent[5:9]), sample[5:9])


def test_untrained_generator_keeps_most_values_of_the_counting_model(generator):
    latent = latents(5000)
    sample = generator(latent).detach()
    start = generator.start(uniform(latent.split(PARTS, 1)[1]))
    for block, of_start, size in zip(sample.split(BLOCKS, 2), start.split(BLOCKS, 2), BLOCKS, strict=True):
        kept = (block.argmax(2) == of_start.argmax(2)).double().mean().item()
        assert kept == pytest.approx(1 - generator.smoothing * (1 - 1 / size), abs=0.01)


def test_gradient_reaches_the_correction_of_every_step(generator):
    (generator(latents(8)) * torch.randn(LENGTH, 7)).sum().backward()
    assert generator.correction.weight.grad.abs().max() > 0


def test_generator_without_a_counting_model_is_refused(run):
    result = run("train", "data=digits", "model=mlp", "model._target_=gan_lightning.algorithms.refiner_gan.RefinerGAN")
    assert (result.code, result.err) == (
        2,
        "error: model: generator Generator: has no counting model to start from: choose that of networks.table_gan or "
        "networks.sequence_refiner\n",
    )


def test_train_generate_and_resume(run, tmp_path):
    """The counting models of both generators have counted each training line once."""
    arguments = ["data=grammar", "model=text_refiner", "trainer=cpu", "callbacks.evaluation=null", "ema_decay=0.9"]
    for command in ([*arguments, "max_iterations=3", "hydra.run.dir=run"], ["resume=run", "max_iterations=4"]):
        result = run("train", *command)
        assert result.code == 0, result.err
        trained = load("run")
        trained.data.setup("fit")
        lines = trained.data.examples.content
        tokens = (lines != 0).sum() + (lines[:, -1] == 0).sum()  # with the end of each line that has room for it
        for one in (trained.model.generator, trained.model.ema):
            assert one.start.tables[0].counts.sum() == tokens
    result = run("generate", "checkpoint=run", "n=7", "format=files", "output=lines")
    assert result.code == 0, result.err
    assert len((tmp_path / "lines" / "samples.txt").read_text(encoding="utf-8").splitlines()) == 7
