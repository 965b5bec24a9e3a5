"""XLS-R + SLS, version 1 of the reproduction: stops on the training loss, patience 1.

Zhang, Wen & Hu, ACM MM 2024 (authors' main.py); Yash-Sukhdeve/deepfake_models for v1 and v2.
Data: ASVspoof 2019 LA train. Published EER:

    weights                  2021 LA   2021 DF   In-the-Wild
    paper                       2.87      1.92          7.46
    v1 (4 epochs, the 3rd)      3.51      2.14          7.84

Early stopping on the training loss is the original's; training for 100 epochs ends at 44 % on
2021 LA, so keep it short.

    python -m training train sls_v1_paper --data ASVSPOOF2019_FOLDER
"""

from training.losses import Loss
from training.recipe import Augmentation, Change, Crop, Optimiser, Recipe, Selection

RECIPE = Recipe(
    detector="sls",
    size="paper",
    optimiser=Optimiser(kind="adam", lr=1e-6, weight_decay=1e-4),
    epochs=50,
    batch=5,
    crop=Crop(samples=64_600, train="head"),
    augmentation=Augmentation(before_crop=(Change("rawboost", options={"algorithm": 3}),)),
    loss=Loss(class_weights=(0.1, 0.9)),
    selection=Selection(by="train_loss", patience=1),
    seed=1234,
    backbone="hub",
)
