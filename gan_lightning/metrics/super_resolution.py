"""Evaluator and metrics of super-resolution."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.algorithms.model import GenerativeModel, Weights, evaluating
from gan_lightning.data.datamodule import Data
from gan_lightning.data.degradations import Bicubic
from gan_lightning.data.super_resolution import PhotoPair, SuperResolution
from gan_lightning.imaging.resizing import bicubic_uint8
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.fidelity import psnr, ssim, without_border, y_channel
from gan_lightning.metrics.linear_upscaling import LinearUpscaling
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.metrics.reference import NotEvaluated, Split, View
from gan_lightning.metrics.st_lpips import st_lpips
from gan_lightning.modalities.image import normalize, to_uint8
from gan_lightning.modalities.samples import Content, Sample
from gan_lightning.networks.perceptual import PACKAGE

Compare = Callable[[Tensor, Tensor], float]

CONSISTENT = 45.0  # dB of lr_psnr that the challenges NTIRE ask for
DETAIL = 128  # height and width of the details that pictures show
SHOWN = 4  # photos in a picture


@dataclass
class TestPhotos:
    """Photos that enlarged photos are compared with.

    Attributes:
        data: the data module of the photos.
        photos: the photos in both resolutions.
        split: always ``test``.
    """

    data: SuperResolution
    photos: list[PhotoPair]
    split: Split = "test"

    @property
    def n(self) -> int:
        return len(self.photos)

    @cached_property
    def linear(self) -> LinearUpscaling:
        """Linear super-resolution, fitted to the training photos."""
        high, low = self.data.examples
        assert isinstance(high, Tensor)
        assert isinstance(low, Tensor)
        return LinearUpscaling(high, low)


def mean_over_photos(compare: Compare, border: int) -> Callable[[TestPhotos, View], float | None]:
    """Return a metric: the mean over photos of a function of enlarged and true photos (1, C, H, W) uint8.

    Args:
        compare: (enlarged, true) -> value.
        border: number of pixels on each side that do not count.
    """

    def metric(reference: TestPhotos, samples: View) -> float:
        pairs = zip(reference.photos, _photos(samples), strict=True)
        return statistics.mean(
            compare(without_border(enlarged, border), without_border(photo.high[None], border))
            for photo, enlarged in pairs
        )

    return metric


def perceptual_distance(reference: TestPhotos, samples: View) -> float | None:
    """Return the mean ST-LPIPS distance to the true photos; None if the network's weights are not installed."""
    if find_spec(PACKAGE) is None:
        return None
    with torch.no_grad():
        distances = [
            st_lpips(normalize(enlarged), normalize(photo.high[None])).item()
            for photo, enlarged in zip(reference.photos, _photos(samples), strict=True)
        ]
    return statistics.mean(distances)


def low_resolution_psnr(reference: TestPhotos, samples: View) -> float | None:
    """Return the mean PSNR of enlarged photos that are made small again; None if that is not what made them small."""
    if not isinstance(reference.data.degradation, Bicubic):
        return None
    return statistics.mean(
        psnr(bicubic_uint8(enlarged[0], *photo.low.shape[1:]), photo.low)
        for photo, enlarged in zip(reference.photos, _photos(samples), strict=True)
    )


def no_floor(reference: TestPhotos) -> None:
    """Return None: the true photos have no distance to themselves."""


class SuperResolutionEvaluator(Evaluator):
    """Evaluator that compares enlarged test photos, whole, with the true ones.

    The names of the metrics say the number of pixels that are cut off on each side, which is the scale, as in the
    literature. Enlarged photos are rounded to 8 bits before they are measured.

    Args:
        scale: the factor of height and width.
        n: the largest number of test photos.
    """

    random = False
    reference: TestPhotos  # type: ignore[assignment]
    captions: Mapping[str, str] = {
        "details": "The centre of test photos: enlarged pixels, bicubic resizing, the model, the truth.",
        "bicubic": "Bicubic resizing.",
        "linear": "Each pixel is a weighted sum of its 9×9 neighbours at low resolution (ridge regression).",
    }

    def __init__(self, scale: PositiveInt, n: PositiveInt = 100) -> None:
        super().__init__(n)
        cut = f"border{scale}"
        self.psnr_y = f"psnr_y_{cut}"

        def compared(name: str, meaning: str, compare: Compare, headline: bool = False) -> Metric:
            compute = mean_over_photos(compare, scale)
            return Metric(f"{name}_{cut}", meaning, compute, no_floor, False, headline, None, "fidelity", "higher")

        self.metrics = (
            compared("psnr_y", "PSNR of the luma channel Y (BT.601), in dB", _of_y(psnr), headline=True),
            compared("ssim_y", "structural similarity of Y", _of_y(ssim)),
            compared("psnr_rgb", "PSNR of all channels, in dB", psnr),
            compared("ssim_rgb", "structural similarity of all channels", ssim),
            Metric(
                "st_lpips",
                "perceptual distance to the truth (ST-LPIPS, AlexNet)",
                perceptual_distance,
                no_floor,
                headline=True,
                better="lower",
            ),
            Metric(
                "lr_psnr",
                "consistency: PSNR of the low-resolution image and the result made small again, in dB",
                low_resolution_psnr,
                no_floor,
                headline=True,
                group="fidelity",
                better="higher",
            ),
        )

    def features(self, content: Content) -> Tensor:
        raise NotImplementedError("enlarged photos are compared with the truth, not by features")

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data, SuperResolution):
            raise NotEvaluated(f"data.evaluator: {type(self).__name__} needs photos of two resolutions: data=photos")
        if split == "train":
            raise NotEvaluated("super-resolution is evaluated on test photos only")
        photos = data.test_photos[: n or self.n]
        if not photos:
            raise NotEvaluated("data: no test photos: set data.test_root=<a folder>")
        self.reference = TestPhotos(data, photos)
        self._baselines = None

    def generate(
        self,
        model: GenerativeModel,
        data: Data,
        n: int,
        seed: int,
        weights: Weights | None = None,
        quick: bool = False,
    ) -> tuple[Content, Sample | None]:
        """Return the enlarged test photos (1, C, H, W) uint8 by number, whatever ``n``."""
        return self.enlarge(model.generator_of(weights)), None

    @torch.no_grad()
    def enlarge(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the test photos that a network has enlarged, (1, C, H, W) uint8 by number."""
        device = next(network.parameters()).device
        with evaluating(network):
            return _numbered(
                to_uint8(network(None, normalize(photo.low[None]).to(device))) for photo in self.reference.photos
            )

    def real_baseline(self) -> Metrics:
        return {}

    def baselines(self) -> dict[str, Content]:
        photos, linear = self.reference.photos, self.reference.linear
        return {
            "bicubic": _numbered(_enlarge_bicubically(photo)[None] for photo in photos),
            "linear": _numbered(linear(photo.low[None]) for photo in photos),
        }

    def checked(self, metrics: Metrics) -> list[Metric]:
        return [metric for metric in self.metrics if metric.name in metrics and metric.name in (self.psnr_y, "lr_psnr")]

    def findings(self, metrics: Metrics) -> list[str]:
        found = []
        bicubic, linear = (self.baseline_metrics()[name][self.psnr_y] for name in ("bicubic", "linear"))
        value, consistency = metrics[self.psnr_y], metrics.get("lr_psnr", CONSISTENT)
        if value < linear:
            found.append(
                f"fidelity: {self.psnr_y} {value:.2f} dB, below linear regression with {linear:.2f} (bicubic "
                f"{bicubic:.2f}); expected of a GAN, but train longer if it is a pretrained network"
            )
        if consistency < CONSISTENT:
            found.append(
                f"consistency: made small again, photos are {consistency:.1f} dB from the input, below "
                f"{CONSISTENT:.0f}: in training, raise terms.back_projection.weight"
            )
        return found

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        assert isinstance(content, dict)
        rows = []
        for photo, enlarged in list(zip(self.reference.photos, content.values(), strict=True))[:SHOWN]:
            scale = photo.high.shape[1] // photo.low.shape[1]
            pixels = photo.low.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
            images = [pixels, _enlarge_bicubically(photo), enlarged[0], photo.high]
            rows.append(np.concatenate([_detail(image) for image in images], 1))
        return {"details": np.concatenate(rows)}


def _of_y(compare: Compare) -> Compare:
    """Return the function of the Y channels of two images."""
    return lambda a, b: compare(y_channel(a), y_channel(b))


def _enlarge_bicubically(photo: PhotoPair) -> Tensor:
    return bicubic_uint8(photo.low, *photo.high.shape[1:])


def _numbered(images: Iterable[Tensor]) -> dict[str, Tensor]:
    """Return images of different sizes as content, by number: photos of two folders may have the same name."""
    return {str(number): image for number, image in enumerate(images)}


def _photos(samples: View) -> list[Tensor]:
    """Return the enlarged photos (1, C, H, W) of a view."""
    assert isinstance(samples.content, Mapping)
    return list(samples.content.values())


def _detail(image: Tensor) -> np.ndarray:
    """Return the centre of an image (C, H, W), (DETAIL, DETAIL, 3), on white if it is smaller."""
    height, width = image.shape[1:]
    top, left = max(height - DETAIL, 0) // 2, max(width - DETAIL, 0) // 2
    part = image.expand(3, -1, -1)[:, top : top + DETAIL, left : left + DETAIL].permute(1, 2, 0).numpy()
    return np.pad(part, ((0, DETAIL - part.shape[0]), (0, DETAIL - part.shape[1]), (0, 0)), constant_values=255)
