"""Metrics compared with scipy, torchmetrics, prdc, closed forms, and planted faults."""

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.stats
import torch
from prdc import compute_prdc
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd
from torchvision.datasets import MNIST
from torchvision.transforms.functional import gaussian_blur

from gan_lightning.errors import UserError
from gan_lightning.metrics.classes import (
    class_kl,
    class_shares,
    classifier_score,
    label_accuracy,
    modes,
    smoothed_shares,
)
from gan_lightning.metrics.distances import frechet_distance, kernel_distance
from gan_lightning.metrics.extractors import (
    DIGITS,
    Classifier,
    ClassifierNetwork,
    RandomConvolutions,
    StackedClassifier,
)
from gan_lightning.metrics.images import ImageEvaluator
from gan_lightning.metrics.neighbours import Neighbourhoods, copies, duplicate_rate, nearest, overlap
from gan_lightning.metrics.pixels import sharpness
from gan_lightning.modalities.image import normalize


@pytest.fixture
def features():
    """Two sets of correlated features that overlap in part."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(16, 16, generator=generator, dtype=torch.float64)
    a = torch.randn(700, 16, generator=generator, dtype=torch.float64) @ mix
    b = torch.randn(500, 16, generator=generator, dtype=torch.float64) @ mix * 0.8 + 0.5
    return a, b


class TestFrechetDistance:
    def test_scipy(self, features):
        a, b = (x.numpy() for x in features)
        cov_a, cov_b = np.cov(a.T), np.cov(b.T)
        root = scipy.linalg.sqrtm(cov_a @ cov_b).real
        expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
        assert frechet_distance(*features) == pytest.approx(expected, rel=1e-6)

    def test_torchmetrics(self, features):
        statistics = [statistic for x in features for statistic in (x.mean(0), torch.cov(x.T))]
        assert frechet_distance(*features) == pytest.approx(_compute_fid(*statistics).item(), rel=1e-6)

    def test_gaussians_in_closed_form(self):
        a = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
        b = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(1)) * 2 + 1
        assert frechet_distance(a, b) == pytest.approx(3 * 1 + 3 * (2 - 1) ** 2, rel=0.02)

    def test_distance_to_itself_symmetry_and_order(self, features):
        a, b = features
        assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
        assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
        assert frechet_distance(a.flip(0), b) == pytest.approx(frechet_distance(a, b), rel=1e-9)


class TestKernelDistance:
    def test_torchmetrics(self, features):
        a, b = features[0][:500], features[1]  # the reference needs sets of one size
        assert kernel_distance(a, b) == pytest.approx(poly_mmd(a, b).item(), rel=1e-6)

    def test_is_unbiased(self):
        generator = torch.Generator().manual_seed(0)
        draws = [kernel_distance(*torch.randn(2, 100, 4, generator=generator)) for _ in range(200)]
        error = np.std(draws) / 200**0.5
        assert abs(np.mean(draws)) < 3 * error
        assert min(draws) < 0

    def test_symmetry_and_parts(self, features, monkeypatch):
        a, b = features
        expected = kernel_distance(a, b)
        assert kernel_distance(b, a) == pytest.approx(expected, rel=1e-9)
        monkeypatch.setattr("gan_lightning.metrics.distances.ROWS", 77)
        assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-9)


class TestOverlap:
    @pytest.mark.parametrize("k", [3, 5])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_prdc(self, features, k, dtype):
        real, fake = (x.to(dtype) for x in features)
        expected = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
        found = overlap(Neighbourhoods(real, k), Neighbourhoods(fake, k))
        for name, value in expected.items():
            assert getattr(found, name) == pytest.approx(value, abs=1e-6)

    def test_parts(self, features, monkeypatch):
        expected = overlap(*map(Neighbourhoods, features))
        monkeypatch.setattr("gan_lightning.metrics.neighbours.ROWS", 77)
        found = overlap(*map(Neighbourhoods, features))
        assert torch.equal(found.inside, expected.inside)
        assert torch.equal(found.recalled, expected.recalled)
        assert torch.equal(found.covered, expected.covered)

    def test_few_samples_repeated_have_no_recall(self, features):
        real = features[0]
        found = overlap(Neighbourhoods(real), Neighbourhoods(real[:7].repeat(100, 1)))
        assert found.precision == 1
        assert found.recall == 0
        assert found.coverage < 0.2

    def test_one_half_of_the_data_has_half_the_coverage(self):
        generator = torch.Generator().manual_seed(0)
        left, right = torch.randn(2, 500, 4, generator=generator)
        real = Neighbourhoods(torch.cat([left - 10, right + 10]))
        found = overlap(real, Neighbourhoods(torch.randn(1000, 4, generator=generator) - 10))
        assert found.coverage == pytest.approx(0.5, abs=0.05)
        assert found.recall == pytest.approx(0.5, abs=0.05)

    def test_duplicates(self):
        samples, real = torch.rand(2, 400, 32, generator=torch.Generator().manual_seed(0))
        real = Neighbourhoods(real)
        assert duplicate_rate(Neighbourhoods(samples), real) < 0.05
        assert duplicate_rate(Neighbourhoods(samples[:200].repeat(2, 1)), real) == 1
        half = torch.cat([samples[:200], samples[200:300].repeat(2, 1)])
        assert duplicate_rate(Neighbourhoods(half), real) == pytest.approx(0.5, abs=0.03)


class TestNearest:
    @pytest.fixture
    def images(self):
        return torch.randint(0, 256, (3, 400, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    @pytest.mark.parametrize("k", [1, 3])
    def test_exact(self, images, k, monkeypatch):
        monkeypatch.setattr("gan_lightning.metrics.neighbours.ROWS", 77)
        a, b, _ = images
        expected = torch.cdist(a.double(), b.double()).topk(k, largest=False)
        found = nearest(a, b, k)
        torch.testing.assert_close(found.distances, expected.values.float(), rtol=1e-4, atol=0)
        assert torch.equal(found.indices, expected.indices)

    def test_unseen_data_are_not_copies(self, images):
        samples, training, unseen = images
        found = copies(*(nearest(points, training).distances[:, 0] for points in (samples, unseen)))
        assert found.neighbour_ratio == pytest.approx(1, abs=0.05)
        assert found.copy_rate < 0.05

    def test_training_data_are_copies(self, images):
        _, training, unseen = images
        found = copies(*(nearest(points, training).distances[:, 0] for points in (training, unseen)))
        assert found.neighbour_ratio < 1e-2
        assert found.copy_rate == 1


def test_sharpness():
    real = torch.randint(0, 256, (50, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert sharpness(real, real) == 1
    assert sharpness(gaussian_blur(real, 5, 1.0), real) < 0.1
    assert sharpness(torch.full_like(real, 7), real) == 0
    assert sharpness(real[:, :1], real[:, 1:2]) == pytest.approx(1, abs=0.05)


def test_sharpness_is_a_ratio_of_variances_of_the_laplacian():
    images = torch.randint(0, 256, (2, 20, 1, 9, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[1] //= 3

    def variance(of):
        found = [scipy.ndimage.laplace(one[0].numpy().astype(float))[1:-1, 1:-1].var(ddof=1) for one in of]
        return np.mean(found)

    assert sharpness(*images) == pytest.approx(variance(images[0]) / variance(images[1]), rel=1e-5)


class TestClasses:
    def test_classifier_score(self):
        certain = torch.eye(10).repeat(5, 1)
        assert classifier_score(certain) == pytest.approx(10)
        assert classifier_score(certain[:1].repeat(50, 1)) == pytest.approx(1)
        assert classifier_score(torch.full((7, 10), 0.1)) == pytest.approx(1)

    def test_classifier_score_by_its_definition(self):
        p = torch.randn(200, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).softmax(1)
        expected = np.exp(np.mean(scipy.stats.entropy(p.numpy(), p.mean(0).numpy()[None], axis=1)))
        assert classifier_score(p) == pytest.approx(expected, rel=1e-9)

    def test_class_kl(self):
        real = torch.arange(10).repeat(10)
        equal = class_shares(real, 10)
        assert class_kl(real, equal) == 0
        assert class_kl(torch.full((50,), 3), equal) == pytest.approx(np.log(10))
        assert class_kl(real[real != 9], equal) == pytest.approx(np.log(10 / 9))
        assert class_kl(real, class_shares(real[real != 9], 10)) == np.inf

    def test_smoothed_shares_have_half_a_label_more_in_each_class(self):
        shares = smoothed_shares(torch.tensor([0, 0, 2]), 3)
        torch.testing.assert_close(shares, torch.tensor([2.5, 0.5, 1.5], dtype=torch.float64) / 4.5)

    def test_label_accuracy(self):
        assert label_accuracy(torch.tensor([3, 1, 4, 1]), torch.tensor([3, 1, 4, 5])) == 0.75

    def test_modes(self):
        labels = torch.tensor([0, 0, 0, 2, 2, 7])
        assert modes(labels) == 3
        assert modes(labels, at_least=2) == 2


class TestExtractors:
    @pytest.fixture(scope="class")
    def images(self):
        return torch.randint(0, 256, (70, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    @pytest.fixture(params=[Classifier, RandomConvolutions])
    def extractor(self, request):
        return request.param()

    def test_order_and_batch_size_do_not_matter(self, extractor, images, monkeypatch):
        whole = extractor.extract(images).features
        assert whole.dim() == 2
        torch.testing.assert_close(extractor.extract(images.flip(0)).features.flip(0), whole)
        monkeypatch.setattr("gan_lightning.metrics.extractors.BATCH", 9)
        torch.testing.assert_close(extractor.extract(images).features, whole, rtol=1e-5, atol=1e-5)

    def test_only_uint8_images_are_taken(self, extractor, images):
        with pytest.raises(TypeError, match="uint8"):
            extractor.extract(images.float() / 127.5 - 1)
        with pytest.raises(ValueError, match=r"must be \(n, "):
            extractor.extract(images[:, 0])

    def test_shipped_weights(self):
        shipped = Classifier()
        assert shipped.name == "digits-v1"
        assert float(shipped.facts["accuracy"]) >= 0.994
        assert DIGITS.stat().st_size < 300_000

    def test_damaged_weights_are_refused(self, tmp_path):
        content = bytearray(DIGITS.read_bytes())
        content[-100] ^= 1
        (tmp_path / "damaged.safetensors").write_bytes(content)
        with pytest.raises(UserError, match="expected SHA-256"):
            Classifier(str(tmp_path / "damaged.safetensors")).extract(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))

    def test_weights_are_read_at_their_first_use(self, tmp_path):
        """A command that evaluates nothing does not need the file."""
        ImageEvaluator(Classifier(str(tmp_path / "missing.safetensors")))
        with pytest.raises(UserError, match=r"missing\.safetensors: not a readable"):
            Classifier(str(tmp_path / "missing.safetensors")).extract(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))

    def test_random_convolutions_are_the_same_every_time(self):
        """Weights depend only on the seed and the number of channels, not on earlier calls."""
        grey = torch.randint(0, 256, (6, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        extractor = RandomConvolutions()
        expected = extractor.extract(grey).features
        assert extractor.extract(grey.expand(-1, 3, -1, -1)).features.shape == expected.shape == (6, 256)
        assert torch.equal(extractor.extract(grey).features, expected)
        assert expected.double().sum().item() == pytest.approx(363.4590616, rel=1e-4)
        assert not torch.equal(RandomConvolutions(seed=1).extract(grey).features, expected)

    def test_accuracy_equals_the_one_in_the_file(self, real_mnist):
        test = MNIST(real_mnist, train=False)
        labels = Classifier().extract(test.data.unsqueeze(1)).labels
        stated = float(Classifier().facts["accuracy"])
        assert (labels == test.targets).double().mean().item() == pytest.approx(stated, abs=1e-4)

    def test_another_size_is_refused(self):
        with pytest.raises(ValueError, match=r"must be \(n, 1, 28, 28\)"):
            Classifier().extract(torch.zeros(3, 1, 32, 32, dtype=torch.uint8))

    def test_folding_the_norms_changes_nothing(self, images):
        network = ClassifierNetwork().eval()
        network.body[1].running_mean.uniform_(-1, 1)
        network.body[1].running_var.uniform_(0.5, 2)
        real = normalize(images)
        expected = network(real)
        torch.testing.assert_close(network.fuse_batch_norms()(real), expected, rtol=1e-5, atol=1e-6)

    def test_stacked(self, images):
        """Channels are classified one by one; the label consists of the three digits."""
        classifier = Classifier()
        channels = [classifier.extract(images[i : i + 20]) for i in (0, 20, 40)]
        stacks = torch.cat([images[i : i + 20] for i in (0, 20, 40)], 1)
        found = StackedClassifier(classifier).extract(stacks)
        torch.testing.assert_close(found.features, torch.cat([one.features for one in channels], 1))
        red, green, blue = (one.labels for one in channels)
        assert torch.equal(found.labels, 100 * red + 10 * green + blue)
        torch.testing.assert_close(found.probabilities.sum(1), torch.ones(20))

    def test_extractor_in_a_module_is_not_trained_or_saved(self, images):

        class Trained(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 1)
                self.extractor = Classifier()

        module = Trained().train()
        before = module.extractor.extract(images).features
        optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
        module.layer(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        assert torch.equal(module.extractor.extract(images).features, before)
        assert list(module.state_dict()) == ["layer.weight", "layer.bias"]
