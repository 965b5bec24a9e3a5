"""Every sentence of the Settings tab."""

HEAD = "Settings"
HELP = (
    "They hold for clips that are scored from now on, are kept in this browser only, and are "
    "printed in every report."
)
DETECTORS = "Detectors"
DETECTORS_INFO = "Which checkpoints score. With none ticked, the default one of each detector."
HOP = "Hop, seconds"
HOP_INFO = (
    "From the start of one window of 4.04 s to the start of the next. Smaller: finer in time, and "
    "slower. Larger than a window: parts are left out, and the report says so."
)
CHANNEL = "Channels"
CHANNEL_INFO = "What is scored where the channels differ."
CHANNELS = (
    ("their mean", "mix"),
    ("left", "left"),
    ("right", "right"),
    ("each by itself", "each"),
)
BAND = "Inconclusive band, LLR"
BAND_INFO = "Between minus and plus this number nothing is concluded."
ANYWAY = "Score anyway"
ANYWAY_INFO = "Score clips with hardly any speech, too. Detectors know speech only."
SILENCE = "Skip silence"
SILENCE_INFO = "Leave out windows with less than half a second of speech."
PRECISION = "Arithmetic"
PRECISION_INFO = "bfloat16 is faster on some machines and changes scores a little."
PRECISIONS = (("32 bit", "float32"), ("bfloat16", "bfloat16"))
THREADS = "Threads"
THREADS_INFO = "0 leaves the choice to the machine; more than its processors are not used."
EXACT = "Deterministic"
EXACT_INFO = "Refuse operations whose result may differ from run to run."
SAID = "As the Settings say: a window every {hop:g} s, channels: {channels}, {precision}"
RESET = "Reset"
IS_RESET = "All settings are what they were at first."
KEPT = "Kept."
REFUSED = "Not possible here, so the value shown is used: {names}."
NAMES = {
    "checkpoints": DETECTORS,
    "hop_seconds": HOP,
    "channels": CHANNEL,
    "band": BAND,
    "score_anyway": ANYWAY,
    "skip_silence": SILENCE,
    "precision": PRECISION,
    "threads": THREADS,
    "deterministic": EXACT,
}
