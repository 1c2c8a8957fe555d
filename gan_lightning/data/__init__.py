"""Data sets, one LightningDataModule per kind.

A data module can be constructed without its files: what networks and commands need to know of a sample
(``sample_shape``, ``num_classes``, ``show``, ``write``) does not depend on them. Its batches are
(real, condition) on the module's device.
"""
