"""Checks the config that Hydra composed, explains what is wrong with it, and instantiates its nodes."""
