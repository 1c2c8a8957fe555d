"""The studio: a web page where people make, keep and sell samples of trained models."""
