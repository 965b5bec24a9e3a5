"""Changes to a waveform that do not change what it is, and one that does (`vocode`).

Every change is a function `(wave, rng, ...) -> wave` of float arrays at 16 kHz, with the random
choices drawn from the generator that is handed in: one seed, one result.
"""
