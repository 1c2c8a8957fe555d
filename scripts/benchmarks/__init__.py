"""The measurements of scripts/benchmark.py and scripts/kills.py, and what the tables of all scripts share."""
