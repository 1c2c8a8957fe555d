"""Ends a run: logs its summary, signs its checkpoint and writes its model card."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gan_lightning.commands.session import Session
from gan_lightning.errors import UserError, explain_os_error
from gan_lightning.files import file_digest
from gan_lightning.paths import CARD, LAST_CHECKPOINT, path_argument, relative_to_cwd
from gan_lightning.runs.card import Commands
from gan_lightning.runs.checkpoints import Trained, read
from gan_lightning.runs.model_card import write_card
from gan_lightning.runs.run import Run
from gan_lightning.runs.summary import end_summary, privacy_summary, summary_row
from gan_lightning.system.distributed import first_process

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.identity import Identity

log = logging.getLogger(__name__)


def log_summary(run: Run, metrics: Mapping[str, float], seconds: float, reports: Sequence[str] = ()) -> None:
    """Log the metrics of a run that has ended, and where its results are.

    Args:
        run: the run.
        metrics: the final metrics.
        seconds: the duration of all parts of the run.
        reports: the lines that callbacks report.
    """
    rows = [row for writer in run.log_writers.values() for row in writer.closing_rows(run.folder)]
    command = Session.current().train_command()
    if run.model.privacy is not None:
        reports = [*reports, privacy_summary(run.model.privacy)]
    log.info("%s", end_summary(metrics, reports, seconds, run.folder, run.stop.signal, command, rows))


def sign_and_describe(run: Run, identity: Identity | None, *, keep_existing: bool) -> None:
    """Sign the last checkpoint if there is an identity, and write the model card, even where signing fails.

    Args:
        run: the run, which has finished.
        identity: the identity that signs; None for no signature.
        keep_existing: True to keep an existing statement and an existing card.
    """
    try:
        if identity and not (keep_existing and _is_signed(run)):
            sign_checkpoint(run, identity)
    finally:
        if first_process() and not (keep_existing and (run.folder / CARD).exists()):
            write_model_card(run)


def _is_signed(run: Run) -> bool:
    """Return True if there is a statement beside the last checkpoint."""
    from gan_lightning.provenance.statements import statement_path

    return statement_path(run.folder / LAST_CHECKPOINT).is_file()


def sign_checkpoint(run: Run, identity: Identity) -> None:
    """Write a signed statement about the last checkpoint.

    Raises:
        UserError: if it cannot be written; the run is saved all the same.
    """
    from gan_lightning.provenance.statements import attest_checkpoint

    checkpoint = run.folder / LAST_CHECKPOINT
    try:
        digest, trained_on = file_digest(checkpoint), read(checkpoint)["trained_on"]
        trained = Trained(checkpoint, digest, run.config, run.model, run.data, trained_on)
        path = attest_checkpoint(identity, trained)
    except OSError as error:
        raise UserError(
            f"provenance=true: {error.strerror}: the run has finished and is saved; correct this, then "
            f"gan-statement checkpoint {shlex.quote(path_argument(run.folder))}"
        ) from error
    log.info("%s", summary_row("statement", relative_to_cwd(path)))


def write_model_card(run: Run) -> None:
    """Write the model card; if it cannot be written, log a warning, because the run is saved all the same."""
    session = Session.current()
    commands = Commands(session.train_command(), session.command("generate"))
    try:
        path = write_card(run.folder, run.model, run.data, commands)
    except OSError as error:
        reason = explain_os_error(error)
        log.warning("%s: %s; the run has finished and is saved, without its model card", run.folder / CARD, reason)
    else:
        log.info("%s", summary_row("model card", relative_to_cwd(path)))
