"""What scripts/benchmark.py measures with: other people's loops, ours, and what the machine can do."""
