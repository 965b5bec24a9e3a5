"""Tensor names of other people's checkpoints, mapped to ours."""
