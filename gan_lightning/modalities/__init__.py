"""Modalities: how each kind of content is encoded, shown, written, read and hashed."""
