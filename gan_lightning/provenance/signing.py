"""Signs the files of samples with the first FileSigner that supports their media type."""

from collections.abc import Sequence
from pathlib import Path

from gan_lightning.algorithms.model import Weights
from gan_lightning.modalities.modality import Modality
from gan_lightning.provenance.credentials import CredentialsSigner
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.interfaces import FileSigner
from gan_lightning.provenance.records import Record, config_digest
from gan_lightning.provenance.statements import StatementSigner
from gan_lightning.runs.checkpoints import Trained

SIGNERS: tuple[type[FileSigner], ...] = (CredentialsSigner, StatementSigner)  # in the order in which they are tried


def sign_files(
    paths: Sequence[Path],
    modality: Modality,
    identity: Identity,
    trained: Trained,
    *,
    n: int,
    seed: int,
    weights: Weights,
    condition: str | None = None,
    truncation: float = 1.0,
    indices: Sequence[int | None] | None = None,
) -> list[Record]:
    """Sign the samples of one seed, and return the records of their files.

    Args:
        paths: a file for each sample in their order, or one file with all samples.
        modality: modality of the files: that of the samples, or of a rendering of them.
        identity: the identity that signs.
        trained: the checkpoint that generated the samples.
        n: number of samples.
        seed: seed of the latents.
        weights: weights that generated the samples, ``ema`` or ``raw``.
        condition: requested condition, as :func:`gan_lightning.runs.drawing.recorded_condition` returns it.
        truncation: truncation of the styles; 1 for none.
        indices: the row of the latent of each file, if they are not all files of the seed; None for a file with all
            samples.
    """
    if indices is None:
        if len(paths) not in (1, n):
            raise ValueError(f"{len(paths)} files of {n} samples: must be one for each, or one for all")
        indices = list(range(n)) if len(paths) == n else [None]
    signer_class = next(one for one in SIGNERS if one.supports(modality.media_type))
    signer = signer_class(identity, trained.path, modality.media_type)
    config, name = config_digest(trained.config), type(modality).__name__
    sampled = type(trained.data.modality).__name__
    rendered_from = sampled if name != sampled else None
    records = []
    for path, index in zip(paths, indices, strict=True):
        content = modality.digest(path)
        recipe = (trained.digest, config, weights, seed, n, index, condition)
        record = Record(*recipe, name, content, truncation=truncation, rendered_from=rendered_from)
        signer.sign(path, record)
        records.append(record)
    return records
