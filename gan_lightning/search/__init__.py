"""Searches of hyperparameters: trials run in child processes, and several searches may share a storage."""
