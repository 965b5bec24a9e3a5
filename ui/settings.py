"""The Settings tab: how clips are scored, kept in this browser and printed in every report."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core import preferences
from core.limits import Limits
from core.preferences import Preferences
from core.workbench import Workbench
from ui import markup
from ui import settings_texts as texts

STORAGE = "spoofscope settings"
SEAL = "nothing secret is kept"  # gradio would seal with a new word at every start, and forget all


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab. `kept` is what other tabs take as input."""

    kept: gr.BrowserState
    fields: tuple[tuple[str, Any], ...]
    reset: gr.Button
    said: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [part for _, part in self.fields]


def memory() -> gr.BrowserState:
    """What the browser keeps; to be put outside all tabs, as a tab that is closed reads nothing."""
    return gr.BrowserState(None, storage_key=STORAGE, secret=SEAL)


def build(kept: gr.BrowserState, bench: Workbench, limits: Limits) -> Tab:
    """Lay out the tab. On a public demo nobody changes what holds for everybody."""
    own = Preferences()
    ids = [one.id for one in bench.installed()]
    gr.HTML(f"<h2>{texts.HEAD}</h2>{markup.foot(texts.HELP)}")
    with gr.Row():
        with gr.Column():
            checkpoints = gr.CheckboxGroup(
                ids, label=texts.DETECTORS, info=texts.DETECTORS_INFO, elem_id="set-checkpoints"
            )
            hop = gr.Number(
                label=texts.HOP, info=texts.HOP_INFO, minimum=0.02, elem_id="set-hop_seconds"
            )
            channels = gr.Radio(list(texts.CHANNELS), label=texts.CHANNEL, info=texts.CHANNEL_INFO)
            band = gr.Number(label=texts.BAND, info=texts.BAND_INFO, minimum=0, elem_id="set-band")
        with gr.Column():
            anyway = gr.Checkbox(label=texts.ANYWAY, info=texts.ANYWAY_INFO)
            silence = gr.Checkbox(
                label=texts.SILENCE, info=texts.SILENCE_INFO, elem_id="set-skip_silence"
            )
            precision = gr.Radio(
                list(texts.PRECISIONS), label=texts.PRECISION, info=texts.PRECISION_INFO
            )
            here = not limits.space
            threads = gr.Number(
                label=texts.THREADS, info=texts.THREADS_INFO, precision=0, minimum=0, visible=here
            )
            exact = gr.Checkbox(label=texts.EXACT, info=texts.EXACT_INFO, visible=here)
    reset = gr.Button(texts.RESET, size="sm", scale=0, min_width=150, elem_id="set-reset")
    said = gr.HTML("", elem_id="set-said")
    named = (
        (preferences.CHECKPOINTS, checkpoints),
        ("hop_seconds", hop),
        ("channels", channels),
        ("band", band),
        ("score_anyway", anyway),
        ("skip_silence", silence),
        ("precision", precision),
        ("threads", threads),
        ("deterministic", exact),
    )
    tab = Tab(kept, named, reset, said)
    for part, value in zip(tab.outputs, _values(tab, own, bench), strict=True):
        part.value = value
    return tab


def wire(tab: Tab, demo: gr.Blocks, bench: Workbench) -> None:
    """Show what was kept when the page opens; keep what is changed."""
    quiet: dict[str, Any] = {
        "queue": False,
        "show_progress": "hidden",
        "api_visibility": "private",
    }

    def opened(kept: Any) -> list[Any]:
        return _values(tab, bench.preferences(kept), bench)

    def changed(*values: Any) -> tuple[dict[str, Any], str]:
        given = dict(zip((name for name, _ in tab.fields), values, strict=True))
        found = bench.preferences(given)
        used = dict(zip(given, _values(tab, found, bench), strict=True))
        refused = [texts.NAMES[name] for name, value in given.items() if value != used[name]]
        said = texts.REFUSED.format(names=", ".join(refused)) if refused else texts.KEPT
        return found.as_record(), markup.foot(said)

    def reset() -> list[Any]:
        return [None, *_values(tab, Preferences(), bench), markup.foot(texts.IS_RESET)]

    demo.load(opened, tab.kept, tab.outputs, **quiet)
    gr.on(  # one event of all fields: of two quick changes the later answer must be the last
        [part.input for part in tab.outputs], changed, tab.outputs, [tab.kept, tab.said],
        trigger_mode="always_last", **quiet,
    )  # fmt: skip
    tab.reset.click(reset, None, [tab.kept, *tab.outputs, tab.said], **quiet)


def said(mine: Preferences) -> str:
    """How clips are scored, in one line for the tabs that score."""
    used = mine.settings
    channels = next(label for label, value in texts.CHANNELS if value == used.channels)
    precision = next(label for label, value in texts.PRECISIONS if value == used.precision)
    line = texts.SAID.format(hop=used.hop_seconds, channels=channels, precision=precision)
    others = {
        texts.ANYWAY: used.score_anyway,
        texts.SILENCE: used.skip_silence,
        texts.EXACT: used.deterministic,
        f"{used.threads} {texts.THREADS}": used.threads,
    }
    return line + "".join(f", {name.lower()}" for name, on in others.items() if on) + "."


def _values(tab: Tab, found: Preferences, bench: Workbench) -> list[Any]:
    """The value of every field; no checkpoint named shows the default ones."""
    record = found.as_record()
    if not record[preferences.CHECKPOINTS]:
        record[preferences.CHECKPOINTS] = bench.default_ids()
    return [record[name] for name, _ in tab.fields]
