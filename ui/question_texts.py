"""Every sentence of the questions that may be asked of a clip."""

from core.sentences import span

HEAD = "Ask more of this clip"
CHOOSE = "Drag over a plot above to choose a stretch; double-click to choose none."
STRETCH = "Stretch {start:.2f}–{stop:.2f} s"
HEAR = "hear it"
SCORE = "Score this stretch"
NOTE = "A note on this stretch"
ADD = "Add note"
EXPORT = "Export stretches"
FILES = "WAV, Praat TextGrid, Audacity labels, RTTM, CSV"
ROBUST = "Test robustness"
SHORTCUTS = "Look for shortcuts"
LIKELIHOOD = "Weigh the evidence"
LIKELIHOOD_HEAD = "Likelihood ratio"
LIKELIHOOD_WHY = "What the calibrated detectors say together, how sure that is, and for what sound."
SIDES = ("A", "B")
OTHER_CONDITION = "Not calibrated for this condition"
PRIOR = "If so many of the clips that come in were spoofed (%)"
PRIOR_INFO = "No recording can tell how common spoofed clips are; that is yours to say."
NO_LLR = "Not calibrated: no likelihood ratio"
WORKING = "Working…"
NOT_SCORED = "Nothing was scored yet."
FAITHFUL = "faithfulness {share:.0f} %"
TEST_MAPS = "Test whether these maps are faithful"
ATTRIBUTE = "Attribution: gradients and occlusion"
ATTRIBUTION_STOPPED = "Stopped; what was finished is shown."
TESTS_STOPPED = "Stopped: {done} of {total} maps were tested."
NOTHING_TO_TEST = "None of these maps runs along the window, so none can be tested."


def progress(name: str, detector: str, seconds_left: float) -> str:
    """How far a question has come."""
    return f"{name} · {detector} · about {span(seconds_left)} left"


CASE_FILE = "PDF and evidence bundle"
MAKE_FILES = "Make PDF and evidence bundle"
