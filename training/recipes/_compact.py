"""What the recipes of compact size share: a small corpus made to go far.

Balanced sampling by label, family, source and speaker; pieces of 1 to 4 s; loudness, rooms, noise,
lines and codecs; copies of human speech made on the fly. See checkpoints/README.md for what each
gave.
"""

from training.recipe import (
    Augmentation,
    Averaging,
    Change,
    Crop,
    Optimiser,
    Sampling,
    Schedule,
    Selection,
)

CODECS = ("mp3", "aac", "opus", "vorbis", "gsm", "alaw", "mulaw", "telephone")

AUGMENTATION = Augmentation(
    before_crop=(Change("speed", 0.2, {"factor": (0.92, 1.08)}),),
    after_crop=(
        Change("silence", 0.1, {"seconds": (0.0, 0.5)}),
        Change("reverberation", 0.15),
        Change("equalise", 0.3),
        Change("rawboost", 0.2, {"algorithm": 5}),
        Change("noise", 0.3, {"snr": (8.0, 40.0)}),
        Change("drop_band", 0.15),
        Change("low_pass", 0.15),
        Change("codec", 0.25, {"names": CODECS}),
        Change("gain", 0.8, {"decibel": (-15.0, 15.0)}),
    ),
)
SAMPLING = Sampling(
    order="balanced",
    levels=("label", "family", "source", "speaker"),
    temper=0.5,
    copies_per_batch=4,
)
CROP = Crop(samples=64_600, train="random", seconds=(1.5, 4.04))
OPTIMISER = Optimiser(kind="adamw", lr=5e-4, betas=(0.9, 0.98), weight_decay=0.02, clip_norm=1.0)
SCHEDULE = Schedule(kind="warmup_cosine", warmup=0.1, floor=0.02)
SELECTION = Selection(by="dev_eer", patience=15)
AVERAGING = Averaging(kind="best", keep=5, batches=60)
EPOCHS, BATCH, SEED = 60, 32, 20_260
