"""Search of hyperparameters: trials in processes of their own, several searches on one storage."""
