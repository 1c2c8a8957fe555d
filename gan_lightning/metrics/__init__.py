"""How samples are measured: an evaluator for each modality, and the functions of features that its metrics use."""
