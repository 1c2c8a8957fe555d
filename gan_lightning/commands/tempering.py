"""Sets the temperature and the nucleus of ``gan-generate``, for models that draw one token after another."""

from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError
from gan_lightning.networks.tokens import Tempered, TokenGenerator
from gan_lightning.runs.checkpoints import Trained

DEFAULTS = {"temperature": 1.0, "nucleus": 1.0}


def temper(settings: GenerateSettings, trained: Trained) -> None:
    """Replace the generator by one that draws tokens as the settings say, if they say something.

    Raises:
        UserError: if the model draws no tokens one after another.
    """
    changed = [f"{key}={value}" for key, default in DEFAULTS.items() if (value := getattr(settings, key)) != default]
    if not changed:
        return
    model = trained.model
    generator = model.generator_of(settings.weights)
    if not isinstance(generator, TokenGenerator):
        raise UserError(f"{changed[0]}: the model does not draw one token after another: train one with model=text_mle")
    tempered = Tempered(generator, settings.temperature, settings.nucleus)
    if generator is model.generator:
        model.generator = tempered
    else:
        model.ema = tempered


def temper_name(settings: GenerateSettings) -> str:
    """Return what the settings add to the name of a file."""
    return "".join(
        f"_{key}{value:g}" for key, default in DEFAULTS.items() if (value := getattr(settings, key)) != default
    )
