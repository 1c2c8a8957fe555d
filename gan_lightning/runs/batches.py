"""Checks before training that the model can be trained on batches as small as an epoch has."""

import logging

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.modalities.samples import take
from gan_lightning.system.distributed import first_process

log = logging.getLogger(__name__)


def fit_batches(model: GenerativeModel, data: Data) -> None:
    """Make the data leave out the last, smaller batch of an epoch if the model cannot be trained on it.

    Networks that mix the samples of a batch, as batch norm does, may need several samples. A model that can be trained
    on one sample can be trained on any number.

    Raises:
        UserError: if the model cannot be trained on the other batches either.
    """
    if _training_error(model, data, 1) is None:
        return
    whole, last = data.shares()
    if whole and (reason := _training_error(model, data, whole)):
        raise _too_few(data, whole, reason)
    if last and (reason := _training_error(model, data, last)):
        if not whole:
            raise _too_few(data, last, reason)
        data.whole_batches = True
        if first_process():
            left_out = data.epoch_size % (data.batch_size * data.batches_per_iteration)
            log.info(
                "data.batch_size=%d: each epoch leaves out the last %d of its %s examples, too few for a batch: %s",
                data.batch_size, left_out, f"{data.epoch_size:,}", reason,
            )  # fmt: skip


def _training_error(model: GenerativeModel, data: Data, n: int) -> str | None:
    """Return the error that training on n samples at once raises; None if there is none."""
    content, condition = data.examples
    few = take(content, slice(n)), None if condition is None else take(condition, slice(n))
    try:
        model.check_batch(data.batch(Examples(*few)))
    except Exception as error:  # a network may raise anything
        return " ".join(f"{type(error).__name__} {error}".split())
    return None


def _too_few(data: Data, n: int, reason: str) -> UserError:
    of = f", of which each of {data.processes} processes gets {n}" if data.processes > 1 else ""
    parts = f"in {data.batches_per_iteration} parts" if data.batches_per_iteration > 1 else "at once"
    return UserError(
        f"data.batch_size={data.batch_size}{of}: the networks cannot be trained on {n} sample{'s' * (n > 1)} {parts} "
        f"({reason}): a larger one, or networks that do not mix the samples of a batch, as batch norm does"
    )
