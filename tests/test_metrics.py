"""Metrics against scipy, torchmetrics, prdc, closed forms, and planted faults."""

import numpy as np
import pytest
import scipy.linalg
import torch
from prdc import compute_prdc
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd
from torchvision.datasets import MNIST
from torchvision.transforms.functional import gaussian_blur

from gan_lightning.errors import UserError
from gan_lightning.metrics.classes import class_kl, classifier_score, modes
from gan_lightning.metrics.distances import frechet_distance, kernel_distance
from gan_lightning.metrics.extractors import DIGITS, DigitClassifier, Pixels, RandomConvolutions
from gan_lightning.metrics.neighbours import copies, duplicate_rate, manifolds, nearest


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


class TestManifolds:
    @pytest.mark.parametrize("k", [3, 5])
    def test_prdc(self, features, k):
        real, fake = features
        expected = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
        assert manifolds(real, fake, k)._asdict() == pytest.approx(expected, abs=1e-6)

    def test_parts(self, features, monkeypatch):
        expected = manifolds(*features)
        monkeypatch.setattr("gan_lightning.metrics.neighbours.ROWS", 77)
        assert manifolds(*features) == expected

    def test_few_pictures_repeated_have_no_recall(self, features):
        real = features[0]
        found = manifolds(real, real[:7].repeat(100, 1))
        assert found.precision == 1
        assert found.recall == 0
        assert found.coverage < 0.2

    def test_one_half_of_the_data_has_half_the_coverage(self):
        generator = torch.Generator().manual_seed(0)
        left, right = torch.randn(2, 500, 4, generator=generator)
        real = torch.cat([left - 10, right + 10])
        found = manifolds(real, torch.randn(1000, 4, generator=generator) - 10)
        assert found.coverage == pytest.approx(0.5, abs=0.05)
        assert found.recall == pytest.approx(0.5, abs=0.05)


class TestCopies:
    @pytest.fixture
    def pictures(self):
        return torch.rand(3, 400, 32, generator=torch.Generator().manual_seed(0))

    def test_nearest_is_exact(self, pictures):
        a, b, _ = pictures
        torch.testing.assert_close(nearest(a, b), torch.cdist(a, b).min(1).values, rtol=1e-4, atol=0)

    def test_unseen_data_are_no_copies(self, pictures):
        found = copies(*pictures)
        assert found.neighbour_ratio == pytest.approx(1, abs=0.05)
        assert found.copy_rate < 0.05

    def test_training_data_are_copies(self, pictures):
        _, training, unseen = pictures
        found = copies(training, training, unseen)
        assert found.neighbour_ratio < 1e-2
        assert found.copy_rate == 1

    def test_duplicates(self, pictures):
        samples, real, _ = pictures
        assert duplicate_rate(samples, real) < 0.05
        assert duplicate_rate(samples[:200].repeat(2, 1), real) == 1
        half = torch.cat([samples[:200], samples[200:300].repeat(2, 1)])
        assert duplicate_rate(half, real) == pytest.approx(0.5, abs=0.03)


class TestClasses:
    def test_classifier_score(self):
        certain = torch.eye(10).repeat(5, 1)
        assert classifier_score(certain) == pytest.approx(10)
        assert classifier_score(certain[:1].repeat(50, 1)) == pytest.approx(1)
        assert classifier_score(torch.full((7, 10), 0.1)) == pytest.approx(1)

    def test_class_kl(self):
        real = torch.arange(10).repeat(10)
        assert class_kl(real, real, 10) == 0
        assert class_kl(torch.full((50,), 3), real, 10) == pytest.approx(np.log(10))
        assert class_kl(real[real != 9], real, 10) == pytest.approx(np.log(10 / 9))

    def test_modes(self):
        labels = torch.tensor([0, 0, 0, 2, 2, 7])
        assert modes(labels) == 3
        assert modes(labels, at_least=2) == 2


class TestExtractors:
    @pytest.fixture(scope="class")
    def pictures(self):
        return torch.randint(0, 256, (70, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    @pytest.fixture(params=[DigitClassifier, lambda: RandomConvolutions(1), Pixels])
    def extractor(self, request):
        return request.param()

    def test_order_and_batch_size_do_not_matter(self, extractor, pictures, monkeypatch):
        whole = extractor.features(pictures)
        assert whole.dim() == 2
        torch.testing.assert_close(extractor.features(pictures.flip(0)).flip(0), whole)
        monkeypatch.setattr("gan_lightning.metrics.extractors.BATCH", 9)
        torch.testing.assert_close(extractor.features(pictures), whole, rtol=1e-5, atol=1e-5)

    def test_only_uint8_pictures_are_judged(self, extractor, pictures):
        with pytest.raises(TypeError, match="uint8"):
            extractor.features(pictures.float() / 127.5 - 1)
        with pytest.raises(ValueError, match=r"\(n, C, H, W\)"):
            extractor.features(pictures[:, 0])

    def test_shipped_weights(self):
        shipped = DigitClassifier()
        assert shipped.name == "digits-v1"
        assert shipped.accuracy >= 0.994
        assert DIGITS.stat().st_size < 300_000

    def test_damaged_weights_are_refused(self, tmp_path):
        content = bytearray(DIGITS.read_bytes())
        content[-100] ^= 1
        (tmp_path / "damaged.safetensors").write_bytes(content)
        with pytest.raises(UserError, match="expected SHA-256"):
            DigitClassifier(tmp_path / "damaged.safetensors")

    def test_accuracy_is_what_the_weights_say(self, real_data):
        test = MNIST(real_data, train=False)
        labels = DigitClassifier().judge(test.data.unsqueeze(1)).probabilities.argmax(1)
        assert (labels == test.targets).double().mean().item() == pytest.approx(DigitClassifier().accuracy, abs=1e-4)

    def test_nothing_of_it_is_trained_or_saved(self, pictures):
        """As an attribute of a module that is trained, an extractor stays as it is."""

        class Judged(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 1)
                self.extractor = DigitClassifier()

        module = Judged().train()
        before = module.extractor.features(pictures)
        optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
        module.layer(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        assert torch.equal(module.extractor.features(pictures), before)
        assert list(module.state_dict()) == ["layer.weight", "layer.bias"]


@pytest.mark.slow
def test_reference_points(real_data):
    """Planted faults on real digits, 10,000 against the 10,000 of the test set: each is marked for what it is."""
    extractor = DigitClassifier()
    training, test = (MNIST(real_data, train=part) for part in (True, False))
    real = extractor.judge(test.data.unsqueeze(1))
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(60_000, generator=generator)[:10_000]
    pictures, labels = training.data.unsqueeze(1)[chosen], training.targets[chosen]
    noise = torch.randint(0, 256, pictures.shape, dtype=torch.uint8, generator=generator)
    spots = torch.rand(pictures.shape, generator=generator) < 0.1

    def repeated(few):
        return few.repeat(-(-10_000 // len(few)), 1, 1, 1)[:10_000]

    sets = {
        "train": pictures,
        "half duplicates": repeated(pictures[:5000]),
        "no 9s": repeated(pictures[labels != 9]),
        "100 pictures": repeated(pictures[:100]),
        "blurred": gaussian_blur(pictures, 9, 1.0),
        "10 % noise": torch.where(spots, noise, pictures),
        "only 3s": repeated(pictures[labels == 3]),
        "noise": noise,
    }
    fcd, found, kl = {}, {}, {}
    for name, samples in sets.items():
        verdicts = extractor.judge(samples)
        fcd[name] = frechet_distance(verdicts.features, real.features)
        found[name] = manifolds(real.features, verdicts.features)
        kl[name] = class_kl(verdicts.probabilities.argmax(1), test.targets, 10)

    order = ["train", "half duplicates", "no 9s", "blurred", "10 % noise", "only 3s", "noise"]
    assert [fcd[name] for name in order] == sorted(fcd[name] for name in order)
    assert fcd["train"] < 0.2
    assert 1.5 < fcd["no 9s"] < 6
    assert 3.3 < fcd["blurred"] < 17
    assert min(fcd["only 3s"], fcd["noise"]) > 50

    assert found["train"].precision == pytest.approx(0.94, abs=0.02)
    assert found["train"].recall == pytest.approx(0.95, abs=0.02)
    assert found["half duplicates"].recall == pytest.approx(0.80, abs=0.04)
    assert found["100 pictures"].precision == pytest.approx(0.94, abs=0.03)
    assert found["100 pictures"].recall == 0
    assert found["noise"].precision == 0
    assert kl["train"] < 0.005
    assert kl["no 9s"] == pytest.approx(0.105, abs=0.01)
    assert kl["only 3s"] == pytest.approx(2.29, abs=0.05)
