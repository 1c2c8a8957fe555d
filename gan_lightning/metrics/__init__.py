"""Figures that judge samples: pure functions of features; what makes features of pictures is apart.

Features are float tensors (n, d), pictures uint8 (n, C, H, W).
"""
