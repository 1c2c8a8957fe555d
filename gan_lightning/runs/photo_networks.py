"""Chooses the network of a trained model that makes images from images."""

from typing import Any

from gan_lightning.config.settings import PhotoSettings
from gan_lightning.errors import UserError
from gan_lightning.imaging.photo_network import PhotoNetwork
from gan_lightning.modalities.image import Images
from gan_lightning.networks.image_to_image import ImageToImage
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import check_weights


def photo_network(settings: PhotoSettings, trained: Trained) -> PhotoNetwork:
    """Return the network that the settings choose; raise UserError if the model does not have it."""
    model: Any = trained.model
    check_weights(model, settings.weights)
    takes, makes = trained.data.condition, trained.data.modality
    if settings.blend is not None:
        if not hasattr(model, "blended"):
            raise UserError(f"blend={settings.blend:g}: the model has no two stages to blend: leave it out")
        if settings.weights is not None or settings.reverse:
            other = "reverse=true" if settings.reverse else f"weights={settings.weights}"
            raise UserError(f"{other}: blend={settings.blend:g} chooses other weights: leave one out")
        network = model.blended(settings.blend)
    elif settings.reverse:
        if not hasattr(model, "backward_of"):
            raise UserError("reverse=true: the model has one direction only: leave it out")
        network = model.backward_of(settings.weights)
        takes, makes = makes, takes
    else:
        network = model.generator_of(settings.weights)
    if not isinstance(network, ImageToImage) or not isinstance(takes, Images) or not isinstance(makes, Images):
        raise UserError(
            f"input={settings.input}: the model does not make images from images: "
            "give the checkpoint of one for super-resolution or translation"
        )
    channels = takes.sample_shape[0], makes.sample_shape[0]
    if not {1, 3}.issuperset(channels):
        raise UserError(
            f"input={settings.input}: the model takes images of {channels[0]} channels and makes {channels[1]}: "
            "train one with 1 (grey) or 3 (RGB)"
        )
    return PhotoNetwork(network.eval(), *channels, settings.ensemble)
