"""Writes what a run leaves in its folder, and reads it back."""
