"""The Inception network of the FID. Its features are meant for colour photos, not for small grey digits."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from gan_lightning.errors import UserError, missing_extra
from gan_lightning.files import file_digest
from gan_lightning.metrics.extractors import Extracted, Extractor, check_images

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS}"
BATCH = 50  # images at once


class Inception(Extractor):
    """Extractor of the 2,048 features of Inception v3, by torch-fidelity with the weights of Heusel et al., 2017.

    Grey images become three equal channels. All images are resized to 299×299 as in TensorFlow 1.

    Raises:
        UserError: at the first use, if torch-fidelity is not installed, or if the weights are not in PyTorch's cache
            and cannot be downloaded.
    """

    name = "inception-2015-12-05"
    sample_shape = None
    frechet_name = "fid"
    frechet_title = "Fréchet Inception distance"

    @property
    def facts(self) -> dict[str, str]:  # type: ignore[override]
        return {"weights": WEIGHTS}

    @cached_property
    def path(self) -> Path:
        """Path of the weights in PyTorch's cache; they are downloaded if they are missing."""
        path = Path(torch.hub.get_dir(), "checkpoints", WEIGHTS)
        try:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(URL, str(path))
        except (URLError, OSError) as error:
            raise UserError(f"features=inception: put {WEIGHTS} from {URL} into {path.parent} ({error})") from error
        return path

    @cached_property
    def sha256(self) -> str:  # type: ignore[override]
        found = file_digest(self.path)
        if not found.startswith(self.path.stem.rpartition("-")[2]):  # checked before torch-fidelity unpickles it
            raise UserError(f"features=inception: {self.path} is damaged: delete it, and it will be downloaded again")
        return found

    @cached_property
    def network(self) -> Callable[[Tensor], Sequence[Tensor]]:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise missing_extra("features=inception", "inception") from error
        assert self.sha256  # checks the file
        return FeatureExtractorInceptionV3("inception", ["2048"], str(self.path))

    def extract(self, images: Tensor) -> Extracted:
        check_images(images)
        with torch.no_grad():
            return Extracted(torch.cat([self.network(part.expand(-1, 3, -1, -1))[0] for part in images.split(BATCH)]))
