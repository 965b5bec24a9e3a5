"""Sparse AASIST on a corpus of some hours; the network is small, so its size is the paper's.

Expected result: the card of the checkpoint that ships, and checkpoints/README.md.

    python -m training train aasist_topk_compact
    python -m training train aasist_topk_compact:d160-k50
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import Averaging
from training.recipes.aasist_topk_paper import VARIANTS as GRID
from training.recipes.hiercon_compact import RECIPE as HIERCON

RECIPE = replace(
    HIERCON,
    detector="aasist",
    size="paper",
    config={"gat_dims": [64, 64], "k": 20},
    loss=Loss(class_weights=(0.5, 0.5), smoothing=0.05),
    averaging=Averaging(kind="swa", batches=60),
)

VARIANTS = {name: replace(RECIPE, config=recipe.config) for name, recipe in GRID.items()}
