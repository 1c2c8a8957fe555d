"""Data sets, one LightningDataModule for each kind; batches are (real, condition) on the module's device."""
