"""What Hydra composed: checked, explained, instantiated, trusted."""
