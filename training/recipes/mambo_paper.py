"""XLSR-MamBo, the grid of 4 topologies x 4 mixers x N = 1..3, as published (arXiv 2601.02944).

Data: ASVspoof 2019 LA train and dev. The authors train one model for each benchmark, with another
RawBoost: `RECIPE` and the grid use algorithm 3 (for 2021 DF), `:la` uses 5 (2021 LA), `:itw` none
(In-the-Wild, DFADD). Published EER, each from its own model (README of the code):

    variant       2021 LA   2021 DF   In-the-Wild
    1-mamba2-n2      0.79      2.01          5.57
    2-hydra-n1       0.80      1.84          6.24
    3-hydra-n3       0.81      1.70          4.97   (RECIPE)
    4-hydra-n1       0.98      1.43          5.17

RawBoost also changes the dev clips, as in the code. The focal loss is the mean over one-hot
entries. The backbone is fine-tuned, as in the code; the paper says it is frozen: `frozen`.
`frozen-train-mode` leaves the frozen backbone in training mode, as the code does (the dropouts of
XLS-R are 0, so this changes nothing but the mode). Scores never depend on batch mates here:
the waveform is normalised for each clip by itself.

    python -m training train mambo_paper --data ASVSPOOF2019_FOLDER
    python -m training train mambo_paper:4-gdn-n2 --data ASVSPOOF2019_FOLDER
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import (
    Augmentation,
    Change,
    Crop,
    Optimiser,
    Recipe,
    Schedule,
    Selection,
)

RECIPE = Recipe(
    detector="mambo",
    size="paper",
    config={"topology": 3, "ssm": "hydra", "repeats": 3},
    optimiser=Optimiser(kind="adamw", lr=1e-5, betas=(0.9, 0.95), weight_decay=0.05),
    schedule=Schedule(kind="warmup_cosine", warmup=0.1, floor=0.1),
    epochs=20,
    batch=32,
    crop=Crop(samples=66_800, train="head"),
    augmentation=Augmentation(
        before_crop=(Change("rawboost", options={"algorithm": 3}),), dev=True
    ),
    loss=Loss(kind="focal", class_weights=(0.1, 0.9), gamma=2.0, normalisation="entries"),
    selection=Selection(by="dev_loss", patience=7),
    seed=114_514,
    precision="bf16",
    backbone="hub",
)


def _boosted(algorithm: int) -> Augmentation:
    return Augmentation((Change("rawboost", options={"algorithm": algorithm}),), dev=True)


VARIANTS = {
    **{
        f"{topology}-{ssm}-n{repeats}": replace(
            RECIPE, config={"topology": topology, "ssm": ssm, "repeats": repeats}
        )
        for topology in (1, 2, 3, 4)
        for ssm in ("mamba", "mamba2", "hydra", "gdn")
        for repeats in (1, 2, 3)
    },
    "la": replace(RECIPE, augmentation=_boosted(5)),
    "itw": replace(RECIPE, augmentation=Augmentation()),
    "frozen": replace(RECIPE, freeze=("backbone",)),
    "frozen-train-mode": replace(RECIPE, freeze=("backbone",), frozen_mode="train"),
}
