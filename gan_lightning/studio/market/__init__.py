"""The market: works on a chain, their offers and sales, and the actions of accounts."""

from gan_lightning.studio.market.market import Market
from gan_lightning.studio.market.routes import router

__all__ = ["Market", "router"]
