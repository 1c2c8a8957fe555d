"""The search space: a distribution for each key of the config."""

from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gan_lightning.config.grammar import quote
from gan_lightning.config.settings import Config
from gan_lightning.errors import UserError

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution


class Range(BaseModel):
    """Numbers from ``low`` to ``high``, both included; integers if both bounds are integers."""

    model_config = ConfigDict(extra="forbid")
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None


class Choices(BaseModel):
    """Several values, or several options of a config group."""

    model_config = ConfigDict(extra="forbid")
    choices: list[bool | int | float | str | None] = Field(min_length=1)


def parse_distribution(key: str, node: Config) -> Distribution:
    """Return the Optuna distribution that a node of ``search.space`` describes; raise UserError if it is invalid."""
    try:
        parsed = TypeAdapter(Choices if "choices" in node else Range).validate_python(node)
        if isinstance(parsed, Choices):
            return CategoricalDistribution(parsed.choices)
        if isinstance(parsed.low, int) and isinstance(parsed.high, int):
            return IntDistribution(parsed.low, parsed.high, log=parsed.log, step=int(parsed.step or 1))
        return FloatDistribution(float(parsed.low), float(parsed.high), log=parsed.log, step=parsed.step)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UserError(f"search.space.{key}={node}: {reason}: give low and high (log, step), or choices") from error
    except ValueError as error:
        raise UserError(f"search.space.{key}={node}: {error}") from error


def suggest(trial: Trial, key: str, distribution: Distribution) -> Any:
    """Return the value that the sampler of the study suggests for a key."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    return trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log, step=distribution.step)


def format_override(key: str, value: Any) -> str:
    """Return ``key=value`` for Hydra, with quotes around a string that Hydra would parse as another type."""
    if value is None:
        return f"{key}=null"
    return f"{key}={quote(value) if isinstance(value, str) else value}"
