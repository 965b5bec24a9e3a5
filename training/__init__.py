"""Corpora, augmentation, losses, recipes, the training loop, scoring and metrics."""
