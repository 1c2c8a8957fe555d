"""The market: works on a chain, their offers and sales, and the actions of accounts."""

from gan_lightning.studio.market.market import Market

__all__ = ["Market"]
