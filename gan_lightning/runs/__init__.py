"""Builds runs, writes their folders, and reads these folders again."""
