"""The detectors: one file each, read top to bottom beside its paper."""
