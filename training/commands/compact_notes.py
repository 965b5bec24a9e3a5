"""What the cards of the compact checkpoints say of themselves, in words."""

EARS = (
    "The network hears statistics over about 1.5 s, not content: texture (levels and differences "
    "of bands, how bands beat at the rate of the voice), how cepstra of 128, 64 and 25 ms are "
    "spread, below and above 4 kHz and as far as the pitch, and group delays. They depend on fine "
    "structure, so heavy codecs, low-pass and noise weaken it."
)
SHAPES = (
    "The network hears statistics over about 1.5 s, not content: how cepstra of 128, 64 and 25 ms "
    "are spread, below and above 4 kHz and as far as the pitch, and group delays. That tells "
    "machines of 2021 and later better than texture does, old systems and signal processing less."
)
LEARNED = (
    "Trained by the labels and by what kernel machines on the same statistics, one for each ear, "
    "think of the clip unchanged (training/teacher.py), from clips and seven changed pieces of "
    "each, with whole ears left out of some (training/joint.py)."
)
TEXTURE = (
    "The network hears texture (statistics of spectra over about 1.5 s, and how bands beat at the "
    "rate of the voice), not content; it depends on fine structure, so heavy codecs, low-pass and "
    "noise weaken it."
)
EARLIER = (
    "The backbone was trained in earlier sessions with a HierCon, an SLS and a MamBo that do not "
    "ship any more, by the labels first, then by the opinion of a kernel machine as well "
    "(training/joint.py as of commit 04209fc); the command trains such a backbone with an SLS."
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
        "log odds 0.72 are kept (trust): what held on pages that a Sparse AASIST and kernel "
        "machines on the same statistics had never met.",
    ],
    "ears": [EARS, LEARNED],
    "hiercon": [EARS, LEARNED, "Trained together with MamBo, over one backbone."],
    "shapes": [SHAPES, LEARNED],
    "sls": [SHAPES, LEARNED, "Trained together with its backbone."],
    "mambo": [
        EARS,
        LEARNED,
        "MamBo-3-Hydra-N3 of width 64 with one unit instead of five, for two CPU cores.",
        "Trained together with HierCon, over one backbone.",
    ],
    "texture": [TEXTURE, ZOO, EARLIER],
    "qaf": [
        TEXTURE,
        ZOO,
        EARLIER,
        "The SSL branch is the first 12 of 24 layers of that compact backbone, frozen, not a "
        "WavLM.",
        "The codec is an EnCodec with 8 filters, trained for 23 minutes of one core on spectral "
        "distance, without critics; its codebooks are residual k-means over its latents.",
        "The head learned from the clips of train and three changed pieces of each, handled more "
        "often than what the other detectors learned from, without copies; by the labels and by "
        "what a kernel machine on the texture thinks of the clip unchanged "
        "(training/quantised.py).",
    ],
    "aasist": [
        "The published graph network behind a compact stem: log spectra of 25, 10 and 4 ms, read "
        "by three small convolutions into 16 bins 500 Hz apart every 100 ms, instead of sinc "
        "filters. All of it is learned, from waveforms that were cut and changed anew for every "
        "batch, so it errs otherwise than the detectors over statistics.",
        ZOO,
        "Trained for six and a half minutes of an H200 that two other trainings used, too, by a "
        "draft of training/graphs.py: the same draws, losses and rates, but products of matrices "
        "in TF32 and no limit on gradients while the stem learned alone.",
        "Dimensions: nMI with the family of machine-made speech, on clips of train.",
    ],
}
