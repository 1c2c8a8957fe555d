"""Processes, processors and random numbers, whatever is computed."""
