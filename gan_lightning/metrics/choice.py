"""Which extractor judges the samples of which data."""

from collections.abc import Callable
from pathlib import Path

from gan_lightning.data.datamodule import Data as ImageData
from gan_lightning.errors import UserError
from gan_lightning.metrics.extractors import Classifier, Extractor, RandomConvolutions, StackedClassifier
from gan_lightning.metrics.inception import Inception
from gan_lightning.paths import cache_dir

EXTRACTORS: dict[str, Callable[[ImageData], Extractor]] = {
    "digits-v1": lambda data: Classifier(),
    "stacked-digits-v1": lambda data: StackedClassifier(Classifier()),
    "random_conv": lambda data: RandomConvolutions(data.sample_shape[0]),
    "inception": lambda data: Inception(),
}


def choose(features: str, data: ImageData) -> Extractor:
    """The extractor of that name or in that file, or with ``auto`` the one for the data.

    That is the one that the data module names, else a classifier that was trained on the same pictures and labels
    (``scripts/train_extractor.py``), else random convolutions.
    """
    if features == "auto":
        trained = cached_classifier(data)
        features = data.features or (str(trained) if trained.is_file() else "random_conv")
    if features not in EXTRACTORS and not features.endswith(".safetensors"):
        raise UserError(f"features={features}: must be auto, {', '.join(EXTRACTORS)}, or a .safetensors file")
    extractor = EXTRACTORS[features](data) if features in EXTRACTORS else Classifier(Path(features))
    if extractor.sample_shape not in (None, data.sample_shape):
        raise UserError(
            f"features={features}: judges pictures of {list(extractor.sample_shape or ())}, "
            f"the data have {list(data.sample_shape)}: features=random_conv judges any"
        )
    return extractor


def cached_classifier(data: ImageData) -> Path:
    """Where a classifier that was trained on the data is kept, by the hash of pictures and labels."""
    return cache_dir() / "extractors" / f"{data.describe()['sha256'][:32]}.safetensors"
