"""Finds out, before training, whether a model can be trained on as few samples as its batches will have."""

import logging

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.samples import take
from gan_lightning.system.distributed import first_process

log = logging.getLogger(__name__)


def fit_batches(model: GenerativeModel, data: Data) -> None:
    """Let the data leave out an epoch's last, smaller batch, if the model cannot be trained on so few samples.

    Networks that mix the samples of a batch, by batch norm say, may need several. A model that can be trained on a
    single one can be trained on any number.

    Raises:
        UserError: if it cannot be trained on the other batches either.
    """
    if _obstacle(model, data, 1) is None:
        return
    whole, last = data.shares()
    if whole and (reason := _obstacle(model, data, whole)):
        raise _too_few(data, whole, reason)
    if last and (reason := _obstacle(model, data, last)):
        if not whole:
            raise _too_few(data, last, reason)
        data.whole_batches = True
        if first_process():
            left_out = data.epoch_size % (data.batch_size * data.batches_per_iteration)
            log.info(
                "data.batch_size=%d: each epoch leaves out the last %d of its %s examples, too few for a batch: %s",
                data.batch_size, left_out, f"{data.epoch_size:,}", reason,
            )  # fmt: skip


def _obstacle(model: GenerativeModel, data: Data, n: int) -> str | None:
    """Return why the model cannot be trained on n samples at once; None if it can."""
    content, condition = data.examples
    few = take(content, slice(n)), None if condition is None else take(condition, slice(n))
    try:
        model.check_batch(data.batch(Examples(*few)))
    except Exception as error:  # networks raise what they like
        return " ".join(f"{type(error).__name__} {error}".split())
    return None


def _too_few(data: Data, n: int, reason: str) -> UserError:
    of = f", of which each of {data.processes} processes gets {n}" if data.processes > 1 else ""
    parts = f"in {data.batches_per_iteration} parts" if data.batches_per_iteration > 1 else "at once"
    return UserError(
        f"data.batch_size={data.batch_size}{of}: the networks cannot be trained on {n} sample{'s' * (n > 1)} {parts} "
        f"({reason}): a larger one, or networks that do not mix the samples of a batch, as batch norm does"
    )
