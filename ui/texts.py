"""Every sentence of the app that is not about a clip; those are in core.sentences."""

TITLE = "SpoofScope"
SUBTITLE = "How strongly a recording speaks for synthetic speech, when, and on what evidence."
PRIVACY_BANNER = (
    "Public demo. Files you drop here are sent to this server and deleted after 1 hour. "
    "Do not upload case material. Run it on your own machine instead: "
    "git clone the files of this Space, then make app."
)
DROP = "Recording: audio or video, any format"
RECORD = "or record with the microphone"
NOT_UPLOADED = "Only uploads are read: send the file itself, not its path or address."
RECORDING = "recording.wav"
PLAYER = "Listening copy (not the original)"
EMPTY_LEAN = "No recording yet"
READING = "Reading “{name}”…"
DRAWING = "Drawing waveform and spectrogram…"
NOT_SCORED = "Not scored"
NOT_SCORED_YET = "Not scored yet"
SCORING_LEAN = "Scoring…"
FINISHED = "All {total} windows scored in {seconds}."
STOP = "Stop"
STOPPING = "Stopping after this window…"
SCORE_ANYWAY = "Score anyway"
NOT_RAW = "not calibrated"
EVIDENCE_NOT_PROOF = "A score is evidence, not proof."
POSITIVE_IS_SPOOF = "LLR: natural log, positive speaks for spoof."
CALIBRATED_ON = "Calibrated on {sets}."
DETECTORS_HELP = (
    "Facts, plots and listening work without one. To score: put a checkpoint folder in "
    "checkpoints/, or run <code>python -m core fetch aasist</code> where there is a network, or "
    "<code>python -m core convert --detector aasist AASIST.pth checkpoints/aasist</code> with the "
    "authors’ file. Then drop the recording again."
)
HINT = (
    "Click a plot to hear from there, a window to hear exactly that window. Drag to zoom all "
    "plots, double-click to zoom out. Keys: space, j, l, ← →."
)
EVIDENCE_HEAD = "Evidence"
EVIDENCE_FOR = "{title}, window {start:.2f}–{stop:.2f} s, {number}"
EVIDENCE_NONE = "Evidence appears here once a window has been scored."
NO_EVIDENCE = "This detector shows no evidence for this window."
EXPLAINING = "Evidence of window {done} of {total}"
ALL_WINDOWS = "Show all windows side by side"
AID_MODEL = "These weights belong to the model, not to this clip."
AID_SIGNED = (
    "Positive speaks for spoof, negative for bona fide: what the network used, not what made "
    "the sound."
)
AID_ACTIVATION = "How strongly each part responds, not for which side it speaks."
AID_ATTENTION = "Where the model looked, not where the fake is."
AID_RASTER = "Which rows come and go along the clip. Click a plot to hear the place."
NUMBERS = "Numbers"
MORE = "How it was read"
JSON = "Report as JSON"
CSV = "Windows as CSV"
HTML = "Report as HTML"
BUG = (
    "Something went wrong in this program, not in your recording. The log of the app has the "
    "details; what is on the page up to here is still valid."
)
OVERVIEW_SAID = "Waveform and spectrogram of {seconds:.1f} s; loudest stretch near {loudest:.1f} s."
API_DESCRIPTION = (
    "Score one uploaded recording with the installed detectors. Takes an upload, never a path or a "
    "foreign address. settings is an object with any of checkpoints (list of names), hop_seconds, "
    "channels (mix, left, right, each), band, precision (float32, bfloat16), score_anyway, "
    "skip_silence, threads, deterministic; what is left out has its default. Returns the report of "
    "`python -m core analyze --json`: source, changes, warnings, detections with their windows, "
    "fused llr, verdict, versions, settings. spoof_logit and llr: higher = more likely spoofed; "
    "llr is null where not calibrated."
)
MODELS_HEAD = "Detectors installed here"
MODELS_NONE = "No detector is installed."
SELF_TEST = "Load and self-test"
SELF_TEST_OK = (
    "passes its self-test: hash, tensor names and shapes, and the golden signal agree with "
    "the card."
)
CARD_JSON = "The whole card"
UNUSABLE = "Not usable"
NOT_MEASURED = "No error rate was measured with this checkpoint here."


def aid(scope: str, *, signed: bool, speaks: bool) -> str:
    """The one line that says how to read a picture."""
    if scope == "model":
        return AID_MODEL
    if speaks:
        return AID_SIGNED
    return AID_ACTIVATION if signed else AID_ATTENTION
