"""XLS-R + SLS's head at compact size, on a corpus of some hours.

Expected result: the card of the checkpoint that ships, and checkpoints/README.md.

    python -m training train sls_compact
"""

from dataclasses import replace

from training.losses import Loss
from training.recipes.hiercon_compact import RECIPE as HIERCON

RECIPE = replace(HIERCON, detector="sls", loss=Loss(class_weights=(0.5, 0.5), smoothing=0.05))
