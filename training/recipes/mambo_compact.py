"""XLSR-MamBo's mixers at compact size: MamBo-3-Hydra-N3, and the grid, on a corpus of some hours.

Expected result: the card of the checkpoint that ships, and checkpoints/README.md.

    python -m training train mambo_compact
    python -m training train mambo_compact:1-mamba2-n1
"""

from dataclasses import replace

from training.losses import Loss
from training.recipes.hiercon_compact import RECIPE as HIERCON
from training.recipes.mambo_paper import VARIANTS as GRID

RECIPE = replace(
    HIERCON,
    detector="mambo",
    config={"topology": 3, "ssm": "hydra", "repeats": 3},
    loss=Loss(kind="focal", class_weights=(0.5, 0.5), gamma=2.0, normalisation="clips"),
)

VARIANTS = {
    name: replace(RECIPE, config=recipe.config) for name, recipe in GRID.items() if "-n" in name
}
