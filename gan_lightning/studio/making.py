"""Kinds of jobs that describe models, and generate and keep samples."""

from gan_lightning.studio.jobs import Kind
from gan_lightning.studio.studio import Studio


def kinds(studio: Studio) -> dict[str, Kind]:
    return {}
