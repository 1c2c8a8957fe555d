"""StyleGAN2: modulated convolutions, styles, and the discriminator."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from gan_lightning.networks import modulation, style_dcgan, stylegan, styles
from gan_lightning.networks.styles import StyleGenerator


def tiny(num_classes=None, mixing_probability=0.5):
    torch.manual_seed(0)
    return stylegan.Generator(
        6, [2, 16, 16], width=2, style_dim=5, mixing_probability=mixing_probability, num_classes=num_classes
    )


@pytest.fixture
def generator():
    return tiny().eval()


@pytest.fixture
def latent():
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(1))


def each_sample_alone(layer, x, style):
    """Return the output of a styled convolution, computed with weights of its own for each sample, as in the paper."""
    outputs = []
    for one, w in zip(x, style, strict=True):
        scales = layer.affine.weight @ w / w.numel() ** 0.5 + layer.affine.bias
        weight = layer.weight * scales[None, :, None, None]
        if isinstance(layer, modulation.StyledPixels):
            outputs.append(F.conv2d(one[None], weight / one.shape[0] ** 0.5, layer.bias))
            continue
        norm = (weight.square().sum((1, 2, 3)) + modulation.EPSILON).sqrt()
        y = F.conv2d(one[None], weight / norm[:, None, None, None], padding=1)
        y = F.interpolate(y, scale_factor=2, mode="bilinear") if layer.up else y
        outputs.append(F.leaky_relu(2**0.5 * y + layer.bias[:, None, None], 0.2))
    return torch.cat(outputs)


@pytest.mark.parametrize("kind", ["same size", "up", "pixels"])
def test_modulated_convolution_equals_one_with_weights_for_each_sample(kind):
    torch.manual_seed(0)
    layer = modulation.StyledPixels(3, 4, 5) if kind == "pixels" else modulation.StyledConv(3, 4, 5, up=kind == "up")
    layer.double()
    nn.init.normal_(layer.bias)
    inputs = [torch.randn(2, 3, 6, 6).double().requires_grad_(), torch.randn(2, 5).double().requires_grad_()]
    inputs += layer.parameters()
    found, expected = layer(*inputs[:2]), each_sample_alone(layer, *inputs[:2])
    torch.testing.assert_close(found, expected)
    direction = torch.randn_like(found)
    gradients = [torch.autograd.grad((y * direction).sum(), inputs) for y in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_demodulated_outputs_have_the_variance_of_the_inputs():
    torch.manual_seed(0)
    layer = modulation.StyledConv(64, 256, 8, up=False)
    scales = torch.rand(2, 64) * torch.tensor([[0.1], [100.0]])
    y = F.conv2d(torch.randn(2, 64, 32, 32) * scales[..., None, None], layer.weight)
    variances = (y * layer.demodulation(scales)[..., None, None]).var((1, 2, 3))
    torch.testing.assert_close(variances, torch.ones(2), rtol=0.05, atol=0)


def test_demodulation_is_computed_in_float32_under_autocast(generator):
    layer, scales = generator.layers[0], torch.rand(4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer.demodulation(scales)
    assert found.dtype == torch.float32
    assert torch.equal(found, layer.demodulation(scales))


def test_equalized_linear_starts_with_the_variance_of_its_input():
    torch.manual_seed(0)
    layer = modulation.EqualizedLinear(256, 512, bias=1.0, rate=0.01)
    outputs = layer(torch.randn(512, 256))
    torch.testing.assert_close(outputs.mean().item(), 1.0, rtol=0, atol=0.02)
    torch.testing.assert_close(outputs.std().item(), 1.0, rtol=0, atol=0.02)
    torch.testing.assert_close(layer(torch.zeros(1, 256)), torch.ones(1, 512))


class TestGenerator:
    def test_is_a_style_generator(self, generator):
        assert isinstance(generator, StyleGenerator)
        assert not isinstance(stylegan.Discriminator([2, 16, 16], 2), StyleGenerator)
        assert (generator.levels, generator.style_dim) == (5, 5)

    @pytest.mark.parametrize(("channels", "size"), itertools.product([1, 2, 3, 4], [16, 28, 32, 64]))
    def test_sizes_and_channels(self, channels, size):
        shape = (channels, size, size)
        generator, discriminator = stylegan.Generator(6, shape, 2), stylegan.Discriminator(shape, 2)
        samples = generator(torch.randn(3, 6))
        assert samples.shape == (3, *shape)
        assert discriminator(samples).shape == (3, 1)

    def test_samples_are_those_of_their_styles(self, generator, latent):
        styles = generator.styles(latent)
        assert styles.shape == (4, 5, 5)
        assert torch.equal(styles, styles[:, :1].expand(-1, 5, -1))
        assert torch.equal(generator.synthesize(styles), generator(latent))

    def test_only_the_direction_of_a_latent_matters(self, generator, latent):
        torch.testing.assert_close(generator(3 * latent), generator(latent))

    def test_each_level_changes_the_sample(self, generator, latent):
        styles = generator.styles(latent)
        before = generator.synthesize(styles)
        for level in range(generator.levels):
            changed = styles.clone()
            changed[:, level] += 1
            assert not torch.allclose(generator.synthesize(changed), before)

    def test_evaluation_is_deterministic(self, generator, latent):
        state = torch.get_rng_state()
        assert torch.equal(generator(latent), generator(latent))
        assert torch.equal(torch.get_rng_state(), state)

    def test_no_mixing_draws_nothing(self, latent):
        state = torch.get_rng_state()
        generator = tiny(mixing_probability=0.0)
        torch.set_rng_state(state)
        assert torch.equal(generator.train()(latent), generator.eval()(latent))
        assert torch.equal(torch.get_rng_state(), state)

    def test_mixed_samples_have_the_styles_of_two_latents(self, latent):
        """Replay the random draws: the second latents, the first replaced level, and the samples that are mixed."""
        generator = tiny().train()
        torch.manual_seed(2)
        found = generator(latent.repeat(64, 1))
        torch.manual_seed(2)
        others = generator.styles(torch.randn(256, 6))
        first, drawn = torch.randint(1, 5, (256, 1)).flatten().tolist(), torch.rand(256, 1).flatten().tolist()
        styles = generator.styles(latent.repeat(64, 1))
        for i in range(256):
            if drawn[i] < 0.5:
                styles[i, first[i] :] = others[i, first[i] :]
        assert set(first) == {1, 2, 3, 4}
        assert torch.equal(generator.synthesize(styles), found)

    def test_truncation_interpolates_to_the_mean(self, generator, latent):
        mean = generator.mean_style()
        assert mean.shape == (1, 1, 5)
        image = generator.synthesize(mean.expand(4, 5, 5))
        torch.testing.assert_close(generator(latent, truncation=0.0), image)
        half = mean + 0.5 * (generator.styles(latent) - mean)
        torch.testing.assert_close(generator(latent, truncation=0.5), generator.synthesize(half))
        assert torch.equal(generator(latent, truncation=1.0), generator(latent))

    def test_mean_style_is_the_mean_over_latents(self, generator):
        many = generator.styles(torch.randn(100_000, 6))[:, 0]
        error = many.std(0) / (2 * styles.MEAN_LATENTS) ** 0.5  # pairs of opposites count more than independent latents
        assert ((generator.mean_style()[0, 0] - many.mean(0)).abs() < 4 * error).all()
        state = torch.get_rng_state()
        assert torch.equal(generator.mean_style(), generator.mean_style())
        assert torch.equal(torch.get_rng_state(), state)

    def test_mean_style_of_conditions(self, latent):
        generator = tiny(num_classes=3).eval()
        labels = torch.tensor([2, 0, 2, 1])
        means = generator.mean_style(labels)
        assert means.shape == (4, 1, 5)
        assert torch.equal(means[0], means[2])
        assert not torch.allclose(means[0], means[1])
        for i in range(4):
            assert torch.equal(generator.mean_style(labels[i : i + 1])[0], means[i])  # whatever else is in the batch
        torch.testing.assert_close(generator.mean_style(F.one_hot(labels, 3).float()), means)
        images = generator(latent, labels, truncation=0.0)
        torch.testing.assert_close(images, generator.synthesize(means.expand(-1, 5, -1)))

    def test_style_weights_turn_changes_of_styles_into_changes_of_scales(self, generator):
        w, direction = torch.randn(2, 5)
        weights = generator.style_weights()
        layers = [[layer] for layer in generator.layers]
        for n, layer in enumerate(generator.pixels):
            layers[2 * n].append(layer)
        assert len(weights) == generator.levels
        for weight, of_level in zip(weights, layers, strict=True):
            change = torch.cat([layer.affine(w + direction) - layer.affine(w) for layer in of_level])
            torch.testing.assert_close(weight @ direction, change)

    def test_gradients(self, latent):
        generator = tiny(mixing_probability=0.0).double()
        latent = latent[:2].double().requires_grad_()
        fast = {"fast_mode": True, "check_undefined_grad": False}
        assert torch.autograd.gradcheck(generator, latent, **fast)
        assert torch.autograd.gradgradcheck(generator, latent, **fast)

    def test_bfloat16_is_close_to_float32(self, generator, latent):
        with torch.autocast("cpu", torch.bfloat16):
            found = generator(latent)
        assert found.dtype == torch.bfloat16
        expected = generator(latent)
        assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("num_classes", [None, 3])
def test_discriminator_is_twice_differentiable(num_classes):
    torch.manual_seed(0)
    discriminator = stylegan.Discriminator([2, 16, 16], width=2, num_classes=num_classes).double()
    sample = torch.randn(2, 2, 16, 16, dtype=torch.float64, requires_grad=True)
    labels = None if num_classes is None else torch.tensor([2, 0])
    names, weights = zip(*discriminator.named_parameters(), strict=True)

    def logits(sample, *weights):
        return functional_call(discriminator, dict(zip(names, weights, strict=True)), (sample, labels))

    fast = {"fast_mode": True, "check_undefined_grad": False}
    assert torch.autograd.gradcheck(logits, (sample, *weights), **fast)
    assert torch.autograd.gradgradcheck(logits, (sample, *weights), **fast)


def test_logits_do_not_depend_on_other_samples():
    discriminator = stylegan.Discriminator([2, 16, 16], width=2)
    samples = torch.randn(3, 2, 16, 16)
    torch.testing.assert_close(discriminator(samples)[:1], discriminator(samples[:1]))


class TestStyleDCGAN:
    def test_doubling_equals_one_with_weights_for_each_sample(self):
        torch.manual_seed(0)
        layer = style_dcgan.StyledDoubling(3, 4, 5).double()
        x, style = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 5).double()
        expected = []
        for one, w in zip(x, style, strict=True):
            scales = layer.affine.weight @ w / w.numel() ** 0.5 + layer.affine.bias
            weight = layer.weight * scales[:, None, None, None]
            norm = (weight.square().sum((0, 2, 3)) / 4 + modulation.EPSILON).sqrt()
            y = F.conv_transpose2d(one[None], weight / norm[:, None, None], stride=2, padding=1)
            expected.append(F.leaky_relu(2**0.5 * y, 0.2))
        torch.testing.assert_close(layer(x, style), torch.cat(expected))

    def test_outputs_of_a_doubling_have_the_variance_of_its_inputs(self):
        torch.manual_seed(0)
        layer = style_dcgan.StyledDoubling(64, 64, 8)
        y = layer(torch.randn(16, 64, 8, 8), torch.randn(16, 8))
        assert y.square().mean().item() == pytest.approx(1, rel=0.1)

    def test_is_a_style_generator(self):
        generator = style_dcgan.Generator(6, [3, 32, 32], width=2, style_dim=5).eval()
        assert isinstance(generator, StyleGenerator)
        assert generator.levels == len(generator.style_weights()) == 3
        latent = torch.randn(2, 6)
        torch.testing.assert_close(generator(latent), generator.synthesize(generator.styles(latent)))
