"""Styles of trained generators: mixing, editing, projection of images, and directions of edits."""
