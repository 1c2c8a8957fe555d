"""Checks, explains and instantiates what Hydra composed, and says whose code a config from a file may run."""
