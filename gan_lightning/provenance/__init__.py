"""Proof of origin: who made a sample, with which model."""
