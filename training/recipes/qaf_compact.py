"""QAF-Static at compact size, on a corpus of some hours.

Its backbone and codec have to be trained before: give the checkpoints that hold them, frozen, with
--backbone ID and --codec ID. Expected result: the card of the checkpoint that ships, and
checkpoints/README.md.

    python -m training train qaf_compact --backbone ID --codec ID
"""

from dataclasses import replace

from training.losses import Loss
from training.recipes.hiercon_compact import RECIPE as HIERCON

RECIPE = replace(
    HIERCON,
    detector="qaf",
    config={"mode": "codecT"},
    loss=Loss(class_weights=(0.5, 0.5), smoothing=0.05),
    freeze=("backbone", "codec"),
)

VARIANTS = {mode: replace(RECIPE, config={"mode": mode}) for mode in ("codecF", "mean")}
