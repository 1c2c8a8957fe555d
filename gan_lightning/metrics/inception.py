"""The Inception network of the FID, for who has its weights; a poor judge of small grey digits."""

import hashlib
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.metrics.extractors import Verdicts, check_pictures

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS}"
BATCH = 50  # pictures at once


class Inception:
    """2,048 features of Inception v3 with the weights of Heusel et al., 2017, through torch-fidelity.

    Grey pictures become three equal channels; all are resized to 299×299 as TensorFlow 1 did.

    Raises:
        UserError: if torch-fidelity is not installed, or the weights are neither in PyTorch's cache nor to be had.
    """

    name = "inception-2015-12-05"
    sample_shape = None

    def __init__(self) -> None:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise UserError("features=inception: needs an extra: pip install 'gan-lightning[inception]'") from error
        path = Path(torch.hub.get_dir(), "checkpoints", WEIGHTS)
        try:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(URL, str(path))
            self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except (URLError, OSError) as error:
            raise UserError(f"features=inception: put {WEIGHTS} from {URL} into {path.parent} ({error})") from error
        if not self.sha256.startswith(path.stem.rpartition("-")[2]):  # before torch-fidelity unpickles it
            raise UserError(f"features=inception: {path} is damaged: delete it, and it will be downloaded again")
        self.facts = {"weights": WEIGHTS}
        self._network = FeatureExtractorInceptionV3("inception", ["2048"], str(path))

    def judge(self, pictures: Tensor) -> Verdicts:
        check_pictures(pictures)
        with torch.no_grad():
            features = [self._network(part.expand(-1, 3, -1, -1))[0] for part in pictures.split(BATCH)]
        return Verdicts(torch.cat(features), None)
