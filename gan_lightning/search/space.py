"""What a search may try: a distribution for each key."""

from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gan_lightning.config.grammar import quote
from gan_lightning.config.settings import Config
from gan_lightning.errors import UserError

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution


class Range(BaseModel):
    """Numbers between two, with them; whole ones where both are."""

    model_config = ConfigDict(extra="forbid")
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None


class Choices(BaseModel):
    """One of several values or options of a group."""

    model_config = ConfigDict(extra="forbid")
    choices: list[bool | int | float | str | None] = Field(min_length=1)


def distribution(key: str, node: Config) -> Distribution:
    """Optuna's; a UserError for one that cannot be."""
    try:
        tried = TypeAdapter(Choices if "choices" in node else Range).validate_python(node)
        if isinstance(tried, Choices):
            return CategoricalDistribution(tried.choices)
        if isinstance(tried.low, int) and isinstance(tried.high, int):
            return IntDistribution(tried.low, tried.high, log=tried.log, step=int(tried.step or 1))
        return FloatDistribution(float(tried.low), float(tried.high), log=tried.log, step=tried.step)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise UserError(f"search.space.{key}={node}: {reason}: low, high, log, step, or choices") from error
    except ValueError as error:
        raise UserError(f"search.space.{key}={node}: {error}") from error


def suggest(trial: Trial, key: str, tried: Distribution) -> Any:
    """A value, as the study's sampler has it."""
    if isinstance(tried, CategoricalDistribution):
        return trial.suggest_categorical(key, tried.choices)
    if isinstance(tried, IntDistribution):
        return trial.suggest_int(key, tried.low, tried.high, log=tried.log, step=tried.step)
    return trial.suggest_float(key, tried.low, tried.high, log=tried.log, step=tried.step)


def override(key: str, value: Any) -> str:
    """``key=value`` for Hydra; strings that Hydra would read as something else are quoted."""
    if value is None:
        return f"{key}=null"
    return f"{key}={quote(value) if isinstance(value, str) else value}"
