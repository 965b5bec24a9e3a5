"""HierCon on XLS-R 300M, as published (arXiv 2602.01032; authors' main.py and README).

Data: ASVspoof 2019 LA train (25,380 clips). Published EER, trained so:

    recipe                     2021 LA   2021 DF   In-the-Wild
    hiercon_paper                 2.46      1.93          6.87
    hiercon_paper:attention       2.97      2.13          8.81   (no contrastive loss)
    XLS-R + SLS, their rerun      3.88      2.09          8.87

lambda of 0.5 and more is said to cost accuracy. The other variants have no published figure:
`temporal` and `intra` end the hierarchy early, `group-N` cuts the 24 layers into groups of N,
`mean-margin` is the contrastive loss as the paper words it, `hardest` looks at each clip's nearest
clip of the other class only.

As in the original, training stops on the *training* loss (patience 5) and no dev set is looked at;
`dev-eer` is the same recipe chosen by the dev EER. The contrastive loss is clamped to [0, 10].

    python -m training train hiercon_paper --data ASVSPOOF2019_FOLDER
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import Augmentation, Change, Crop, Optimiser, Recipe, Selection

SSI = Augmentation(before_crop=(Change("rawboost", options={"algorithm": 3}),))
LOSS = Loss(contrast="pairwise", contrast_weight=0.1, margin=0.5)

RECIPE = Recipe(
    detector="hiercon",
    size="paper",
    optimiser=Optimiser(kind="adam", lr=1e-6, weight_decay=1e-4),
    epochs=50,
    batch=16,
    crop=Crop(samples=64_600, train="head"),
    augmentation=SSI,
    loss=LOSS,
    selection=Selection(by="train_loss", patience=5),
    seed=1234,
    backbone="hub",
)

VARIANTS = {
    "attention": replace(RECIPE, loss=Loss()),
    **{f"lambda-{w:g}": replace(RECIPE, loss=replace(LOSS, contrast_weight=w)) for w in (0.5, 1.0)},
    **{stage: replace(RECIPE, config={"stages": stage}) for stage in ("temporal", "intra")},
    **{f"group-{n}": replace(RECIPE, config={"group_size": n}) for n in (1, 2, 4, 6, 8, 12)},
    "projection-256": replace(RECIPE, config={"proj_dim": 256}),
    "mean-margin": replace(RECIPE, loss=replace(LOSS, contrast="mean_margin")),
    "hardest": replace(RECIPE, loss=replace(LOSS, hardest_negative=True)),
    "unclamped": replace(RECIPE, loss=replace(LOSS, clamp=None)),
    "dev-eer": replace(RECIPE, selection=Selection(by="dev_eer", patience=5)),
}
