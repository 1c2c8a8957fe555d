"""Actions of ``gan-chain``: one class each, which ``commands/chain.py`` lists."""
