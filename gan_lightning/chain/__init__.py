"""Ownership, licences and trade of generated content on a chain."""
