"""Evaluation of samples: evaluators of modalities, and the functions of features behind their metrics."""
