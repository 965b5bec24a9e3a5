"""AASIST and AASIST-L on ASVspoof 2019 LA, as published (clovaai/aasist, config and main.py).

Published: AASIST 0.83 % EER, min t-DCF 0.0275; AASIST-L (`:light`) 0.99 %, 0.0309, on 2019 LA eval.
No augmentation. Random crops, Adam with a cosine to 5e-6, the best epoch chosen by the dev EER, and
the mean over every epoch that was a new best, with batch normalisation estimated again.

    python -m training train aasist_paper --data ASVSPOOF2019_FOLDER
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import Averaging, Crop, Optimiser, Recipe, Schedule, Selection

RECIPE = Recipe(
    detector="aasist",
    size="paper",
    config={"gat_dims": [64, 32], "k": 160},
    optimiser=Optimiser(kind="adam", lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4),
    schedule=Schedule(kind="cosine", floor=0.05),
    epochs=100,
    batch=24,
    crop=Crop(samples=64_600, train="random"),
    loss=Loss(class_weights=(0.1, 0.9)),
    selection=Selection(by="dev_eer"),
    averaging=Averaging(kind="swa"),
    seed=1234,
)

VARIANTS = {
    "light": replace(
        RECIPE,
        config={
            "channels": [1, 32, 24, 24],
            "gat_dims": [24, 32],
            "pool_ratios": [0.4, 0.5, 0.7],
            "k": 160,
        },
    )
}
