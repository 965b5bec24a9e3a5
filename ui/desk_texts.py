"""The sentences of the Batch, Compare and Report tabs."""

BATCH_HELP = (
    "Drop up to {files} recordings or zip files (or choose a folder). Every recording gets a row; "
    "the highest window comes first. Click a row to open it in Inspect."
)
BATCH_DROP = "Recordings or zip files, up to {files}"
BATCH_FOLDER = "Choose a folder"
BATCH_NONE = "No recordings yet."
BATCH_READY = "{count} listed, about {sound} of sound. {estimate}"
BATCH_ESTIMATE = "Scoring takes about {time} on this machine."
BATCH_NO_ESTIMATE = "The time is told once the detectors are loaded."
BATCH_DETECTORS = "Detectors"
BATCH_CHOOSE = "Choose at least one detector."
BATCH_REMEMBER = "Use results that are kept on this machine, and keep new ones"
BATCH_FORGET = "Forget kept results"
BATCH_FORGOTTEN = "{count} kept results were removed from this machine."
START, STOP = "Start", "Stop"
STOPPING = "Stopping after this window…"
BATCH_AT = "{done} of {total} done · {name}{window}{left}"
BATCH_WINDOW = " · window {window} of {windows}"
BATCH_LEFT = " · {left} left"
BATCH_DONE = "All {total} recordings are done, in {spent}.{kept}"
BATCH_KEPT = " {count} came from results that were kept."
BATCH_STOPPED = "Stopped. {done} of {total} are done and kept; Start goes on with the rest."
BATCH_UNREADABLE = "Nothing to open: {problem}"
BATCH_OPENING = "Opening “{name}” in Inspect."
BATCH_COLUMNS = (
    "LLR and highest: natural log, positive speaks for spoof. Highest is the one window that "
    "speaks loudest for spoof, and where it is. A raw score is not calibrated; its size has no "
    "meaning."
)
FILTER_KINDS = "Show only (none ticked: all)"
FILTER_LEAST = "Highest at least"
FILTER_LEAST_EXAMPLE = "such as 1.5"
FILTER_NAME = "Name contains"
FILTER_SHOWN = "{shown} of {total} rows are shown; the downloads hold all."
CSV, JSON, HTML = "Table as CSV", "All numbers as JSON", "Report as HTML"

TWO_CLIPS = "Two recordings"
TWO_CHECKPOINTS = "One recording, two checkpoints"
TWO_CHANNELS = "Left and right channel"
COMPARE_HELP = (
    "Side by side on the same scales; zoom and clicks work on both. What runs along time is not "
    "subtracted, because other words were spoken; weights, dimensions and scores are."
)
COMPARE_WHAT = "Compare"
COMPARE_WITH = "Detectors: {names}."
COMPARE_A, COMPARE_B = "Recording A", "Recording B"
CHECKPOINT_A, CHECKPOINT_B = "Checkpoint of A", "Checkpoint of B"
COMPARE_GO = "Compare"
COMPARE_NEED_A = "Drop recording A first."
COMPARE_NEED_B = "Drop recording B as well."
COMPARE_SAME = "Choose two different checkpoints; both sides would be equal."
COMPARE_ONE_CHECKPOINT = (
    "Only one checkpoint is installed, so there is no second one to compare with. Put another in "
    "checkpoints/, or compare two recordings."
)
COMPARE_MONO = "“{name}” has one channel (or equal ones), so there is no left and right to compare."
COMPARE_DETECTOR = "Maps of"
COMPARE_SCORES = "Scores"
COMPARE_MAPS = "Maps of the highest window of each side"
COMPARE_DIFFERENCES = "Differences where time plays no part"
COMPARE_NO_MAPS = "These detectors show nothing that can be compared here."
COMPARE_EQUAL_BYTES = "A and B are the same recording."
COMPARE_DONE = "Both sides are scored."
COMPARE_STOPPED = "Stopped. What was scored is below; the rest is blank."

REPORT_HELP = (
    "Reports of recordings that were analysed since this page was opened. A bundle holds the "
    "report, all numbers and maps, and the hashes that let somebody else verify it."
)
REPORT_CLIPS = "Recordings of this session"
REPORT_NOTHING = (
    "Nothing was analysed yet: open a recording in Inspect, Batch or Compare, then come back."
)
REPORT_UPLOAD = "or analyse one more here"
REPORT_WORKING_ON = "Analysing “{name}”…"
REPORT_ADDED = "“{name}” is analysed and chosen."
REPORT_CHOOSE = "Choose at least one recording and one format."
REPORT_CASE, REPORT_EXAMINER, REPORT_NOTE = "Case", "Examiner", "Note"
REPORT_FORMATS = "Formats"
REPORT_ORIGINALS = "Put the recordings themselves into the bundle (they leave with it)"
REPORT_MAPS = "Maps of each detector’s highest window (HTML, PDF, bundle)"
REPORT_MAKE = "Make report"
REPORT_WORKING = "Report: {name}, {done} of {total}…"
REPORT_MADE = "{count} written."
REPORT_MANIFEST = (
    "SHA-256 of the bundle’s manifest: {digest}. Note it outside this program; it tells this "
    "bundle from one that was made anew."
)
REPORT_NO_ORIGINAL = "Not in the bundle, because its file is gone: {names}."
REPORT_FILES = "Downloads"
FIELD_TOO_LONG = "{field} has {given} characters; at most {limit} are printed."

VERIFY_HELP = (
    "Checks the seals of a bundle, then scores its recordings again with the weights and settings "
    "it names. Give the recordings where the bundle does not hold them."
)
VERIFY_BUNDLE = "Bundle (.zip)"
VERIFY_CLIPS = "Recordings of the bundle (optional)"
VERIFY_GO = "Verify"
VERIFY_NEED = "Drop a bundle first."
VERIFYING = "Checking the seals, then scoring again…"
VERIFY_SAID = {
    "IDENTICAL": "Every number came out again to the last bit.",
    "WITHIN TOLERANCE": "No number moved by more than the tolerance, and no verdict changed.",
    "CHANGED": "Scored again, the recordings do not give what the bundle says.",
}
VERIFY_NOT_AS_MADE = (
    "Nothing was scored again: the bundle is not as it was made, or what it needs is not here."
)
COMPARE_HUES = "Blue: higher in A. Orange: higher in B."
VERIFY_RECORD_ONLY = (
    "Nothing was scored again: the bundle is whole, and weights and code are those it names."
)
