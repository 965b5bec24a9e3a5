"""What the cards of the compact checkpoints say of themselves, in words."""

TEXTURE = (
    "The network hears texture (statistics of spectra over about 1.5 s, and how bands beat at the "
    "rate of the voice), not content; it depends on fine structure, so heavy codecs, low-pass and "
    "noise weaken it."
)
CEPSTRA = (
    "The network hears how the shape of the spectrum moves (spread, skewness and kurtosis of "
    "cepstra over about 1.5 s), not content. That tells machines of 2021 and later about as well "
    "as texture does, old systems and signal processing far less."
)
TAUGHT = (
    "Trained by the labels first, then by the opinion of a kernel machine on the same statistics, "
    "too (training/teacher.py)."
)
ZOO = (
    "It learned from copies of human clips, too, by seven vocoders and codecs that had nine "
    "minutes of one GPU (training/zoo)."
)
NOTES: dict[str, list[str]] = {
    "": [
        "For research and evaluation. Trained on about three hours of public demonstration "
        "recordings, many of whose pages state no licence.",
        "Trained for minutes; checkpoints/README.md says what was tried and what came out. Not "
        "evidence of anything by itself.",
        "The command runs the same functions stage by stage; these weights came from its stages "
        "run one after another over several sessions, the codec from an earlier one. Stages last "
        "a given time, so it makes such weights again, not these.",
        "Calibrated on dev as files get handled: a third of its clips as they are, the others as "
        "pieces, most of them after a codec, a room, noise or a lost band, each clip once. Of the "
        "log odds 0.65 are kept (trust): what held on pages that networks like these and a kernel "
        "machine had never met.",
    ],
    "texture": [TEXTURE, ZOO],
    "hiercon": [
        TEXTURE,
        TAUGHT,
        ZOO,
        "Trained together with MamBo and an SLS that does not ship, over one backbone.",
    ],
    "cepstra": [CEPSTRA],
    "sls": [
        CEPSTRA,
        "Trained with its backbone by the labels and by the opinion of a kernel machine on the "
        "same statistics (training/cepstral.py), from clips and changed pieces of them, not from "
        "copies by the zoo.",
    ],
    "mambo": [
        TEXTURE,
        TAUGHT,
        ZOO,
        "MamBo-3-Hydra-N3 of width 64 with one unit instead of five, for two CPU cores.",
        "Trained together with HierCon and an SLS that does not ship, over one backbone.",
    ],
    "qaf": [
        TEXTURE,
        ZOO,
        "The SSL branch is the first 12 of 24 layers of the shared compact backbone, not a WavLM.",
        "The codec is an EnCodec with 8 filters, trained for minutes on spectral distance (it "
        "reconstructs poorly); its codebooks are residual k-means over its latents.",
    ],
    "aasist": [
        "The published graph network behind a compact stem: log spectra of 25, 10 and 4 ms, read "
        "by three small convolutions into 16 bins 500 Hz apart every 100 ms, instead of sinc "
        "filters. All of it is learned, from waveforms that were cut and changed anew for every "
        "batch, so it errs otherwise than the detectors over texture.",
        ZOO,
        "Trained for six and a half minutes of an H200 that two other trainings used, too, by a "
        "draft of training/graphs.py: the same draws, losses and rates, but products of matrices "
        "in TF32 and no limit on gradients while the stem learned alone.",
        "Dimensions: nMI with the family of machine-made speech, on clips of train; the family "
        "'zoo' is copies of human clips by this project's own vocoders and codecs.",
    ],
}
