"""Renderings: content of one modality as people see or hear it in files of another, such as the sound of music."""

from collections.abc import Callable
from typing import NamedTuple

from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content


class Rendering(NamedTuple):
    """Form in which content is written to files.

    Attributes:
        modality: modality of the files.
        render: returns content of that modality for content of the modality that is rendered.
    """

    modality: Modality
    render: Callable[[Content], Content]


def written_forms(modality: Modality, format: str | None) -> list[Rendering]:
    """Return the forms in which a format of ``gan-generate`` writes samples: the content itself, then its rendering.

    Args:
        modality: modality of the samples.
        format: name of the format; a format that is no rendering of the modality adds no form.
    """
    return [_itself(modality), *(one for name, one in modality.renderings.items() if name == format)]


def form_of_kind(modality: Modality, kind: type[Modality]) -> Rendering | None:
    """Return the form of content that is of the modality ``kind``: itself or a rendering; None if there is none."""
    forms = [_itself(modality), *modality.renderings.values()]
    return next((one for one in forms if isinstance(one.modality, kind)), None)


def _itself(modality: Modality) -> Rendering:
    return Rendering(modality, lambda content: content)
