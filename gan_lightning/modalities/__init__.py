"""Kinds of content: how a sample is encoded, shown, written, read and hashed."""
