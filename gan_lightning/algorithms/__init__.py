"""Training algorithms, and their parts: objectives, regularizers, priors, schedules, optimizers."""
