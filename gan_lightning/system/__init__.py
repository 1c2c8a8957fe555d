"""Processes, signals, standard streams, CUDA graphs and random numbers: the layer below all others."""
