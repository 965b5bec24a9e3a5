"""HierCon at compact size, on a corpus of some hours.

Expected result: the card of the checkpoint that ships, and checkpoints/README.md.

    python -m training train hiercon_compact
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import Recipe
from training.recipes import _compact as compact

RECIPE = Recipe(
    detector="hiercon",
    size="compact",
    optimiser=compact.OPTIMISER,
    schedule=compact.SCHEDULE,
    epochs=compact.EPOCHS,
    batch=compact.BATCH,
    sampling=compact.SAMPLING,
    crop=compact.CROP,
    augmentation=compact.AUGMENTATION,
    loss=Loss(class_weights=(0.5, 0.5), smoothing=0.05, contrast="pairwise", contrast_weight=0.1),
    selection=compact.SELECTION,
    averaging=compact.AVERAGING,
    seed=compact.SEED,
)

VARIANTS = {
    "attention": replace(RECIPE, loss=replace(RECIPE.loss, contrast="none", contrast_weight=0.0)),
    **{
        f"lambda-{w:g}": replace(RECIPE, loss=replace(RECIPE.loss, contrast_weight=w))
        for w in (0.5, 1.0)
    },
    **{stage: replace(RECIPE, config={"stages": stage}) for stage in ("temporal", "intra")},
    **{f"group-{n}": replace(RECIPE, config={"group_size": n}) for n in (2, 4, 6, 8)},
}
