"""What TensorBoard shows of a run besides its scalars and samples: the config, and a row in the HPARAMS tab."""

from collections.abc import Iterator
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from omegaconf import OmegaConf
from torch.utils.tensorboard.summary import hparams

from gan_lightning.config.effects import result_settings
from gan_lightning.config.names import flat

TRAINER = ("max_epochs", "precision")


def log_config(logger: Logger, config: dict[str, Any]) -> None:
    """The resolved config, in the TEXT tab."""
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_text("config", f"```yaml\n{OmegaConf.to_yaml(OmegaConf.create(config))}```")


def log_hyperparameters(logger: Logger, config: dict[str, Any], metrics: dict[str, float]) -> None:
    """Hyperparameters beside the last value of each metric, so that the HPARAMS tab sorts the runs of a sweep."""
    if isinstance(logger, TensorBoardLogger):
        names = [name for name in metrics if "/" in name]  # those that are scalars on the dashboard too
        writer = logger.experiment._get_file_writer()  # as Lightning does; open even after the fit
        for summary in hparams(hyperparameters(config), dict.fromkeys(names, 0.0)):
            writer.add_summary(summary)
        logger.finalize("success")


def hyperparameters(config: dict[str, Any]) -> dict[str, Any]:
    """Return one level of plain values: 'data': 'MNIST', 'model/generator/hidden_dims': '[256, 512, 1024]', …

    Left out is what has no effect, and what repeats a key above it or one of the data.
    """
    chosen = {key: config[key] for key in ("seed", "max_iterations", "data", "model")}
    chosen["trainer"] = {key: config["trainer"][key] for key in TRAINER}
    values = dict(flat(result_settings(chosen, schema=config)))
    return {
        path: value if isinstance(value, bool | int | float) else str(value)
        for path, value in values.items()
        if not any(above in values and values[above] == value for above in _above(path))
    }


def _above(path: str) -> Iterator[str]:
    """Yield the keys of that name which a key may repeat."""
    *nodes, name = path.split("/")
    if nodes and nodes != ["data"]:
        yield f"data/{name}"
    yield from ("/".join([*nodes[:depth], name]) for depth in range(len(nodes)))
