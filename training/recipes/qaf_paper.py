"""QAF-Static on WavLM-Large and EnCodec 24 kHz, as published (arXiv 2603.16914).

Data: ASVspoof 2019 LA, or ASVspoof 5, train and dev. Published EER:

    recipe              ASVspoof 5 track 1   2019 LA
    qaf_paper:mean                   6.01      0.53   (Method 1: the mean over quantizers)
    qaf_paper:codecF                 6.04      0.44   (codec vectors frozen)
    qaf_paper                        5.68      0.35   (codecT: codec vectors trained)

No code is published. Adam and early stopping on the dev EER are the paper's; learning rate,
schedule, batch, class weights and the mean of the five best epochs are those of AttM by the same
group (github.com/pandarialTJU/AttM_INTERSPEECH24), an assumption. WavLM is frozen in all of them.

    python -m training train qaf_paper --data ASVSPOOF_FOLDER
"""

from dataclasses import replace

from training.losses import Loss
from training.recipe import Averaging, Crop, Optimiser, Recipe, Schedule, Selection

RECIPE = Recipe(
    detector="qaf",
    size="paper",
    config={"mode": "codecT"},
    optimiser=Optimiser(kind="adam", lr=1e-4, weight_decay=1e-4),
    schedule=Schedule(kind="warmup_decay", warmup=5.0, decay=0.8),
    epochs=30,
    batch=64,
    crop=Crop(samples=64_600, train="random"),
    loss=Loss(class_weights=(0.1, 0.9)),
    selection=Selection(by="dev_eer", patience=5),
    averaging=Averaging(kind="best", keep=5),
    seed=1234,
    freeze=("backbone", "codec"),
    backbone="hub",
    codec="hub",
)

VARIANTS = {mode: replace(RECIPE, config={"mode": mode}) for mode in ("codecF", "mean")}
