"""The Inspect tab: a clip goes in, and all that is known of it appears from left to right."""

import json as json_text
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from core import sentences
from core.limits import Limits
from core.preferences import Preferences
from core.types import Notice, Report
from core.workbench import PROBLEMS, Inspection, Workbench
from ui import downloads, likelihood, markup, pictures, questions, texts, uploads
from ui.evidence import Clicks, Panels

Updates = dict[Any, Any]
TELL = 0.25  # seconds between two lines of progress
REDRAW = 0.8  # seconds between two pictures of the scores while they come in,
LONG = 150  # twice as many for a clip of so many windows


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab."""

    file: gr.File
    microphone: gr.Audio
    facts: gr.HTML
    strip: gr.HTML
    status: gr.HTML
    stop: gr.Button
    anyway: gr.Button
    player: gr.Audio
    overview: gr.Plot
    overview_said: gr.HTML
    scores: gr.Plot
    scores_said: gr.HTML
    json: gr.DownloadButton
    csv: gr.DownloadButton
    html: gr.DownloadButton
    stage: gr.HTML
    state: gr.State
    asked: questions.Panel
    weighed: likelihood.Panel
    files: downloads.Panel

    @property
    def outputs(self) -> list[Any]:
        return [
            self.facts,
            self.strip,
            self.status,
            self.stop,
            self.anyway,
            self.player,
            self.overview,
            self.overview_said,
            self.scores,
            self.scores_said,
            self.json,
            self.csv,
            self.html,
            self.stage,
            self.state,
            *self.asked.outputs,
            *self.weighed.outputs,
            *self.files.outputs,
        ]


def build(limits: Limits) -> tuple[Tab, Panels]:
    """Lay out the tab."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            file = gr.File(label=texts.DROP, elem_id="drop", height=128)
            # on the instance: for a subclass gradio writes a .pyi file into this folder
            vars(file)["preprocess"] = uploads.named
            microphone = gr.Audio(
                sources=["microphone"],
                type="filepath",
                label=texts.RECORD,
                elem_id="microphone",
                buttons=[],
                waveform_options=gr.WaveformOptions(show_recording_waveform=False),
            )
            facts = gr.HTML(elem_id="facts")
        with gr.Column(scale=3, min_width=340):
            welcome = sentences.drop_a_recording(limits.max_bytes, space=limits.space)
            strip = gr.HTML(markup.head(None, texts.EMPTY_LEAN, welcome), elem_id="strip")
            with gr.Row(equal_height=True):
                status = gr.HTML("", elem_id="status")
                stop = gr.Button(texts.STOP, visible=False, size="sm", scale=0, elem_id="stop")
                anyway = gr.Button(
                    texts.SCORE_ANYWAY, visible=False, size="sm", scale=0, elem_id="anyway"
                )
    stage = gr.HTML(markup.stage(), elem_id="stage")
    with gr.Column(elem_id="bench"):
        player = gr.Audio(
            interactive=False,
            label=texts.PLAYER,
            elem_id="player",
            buttons=["download"],
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        )
        gr.HTML(markup.TRANSPORT)
        overview = gr.Plot(show_label=False, elem_classes="plot-overview", elem_id="overview")
        overview_said = gr.HTML()
    with gr.Column(elem_id="results"):
        scores = gr.Plot(show_label=False, elem_classes="plot-scores", elem_id="scores")
        scores_said = gr.HTML(elem_id="scores-said")
        with gr.Row(elem_classes="downloads"):
            json = _download(texts.JSON, "json")
            csv = _download(texts.CSV, "csv")
            html = _download(texts.HTML, "html")
        files = downloads.Panel.build()
        weighed = likelihood.Panel.build()
        asked = questions.Panel.build()
        panels = Panels.build()
    state = gr.State(None)
    return (
        Tab(
            file,
            microphone,
            facts,
            strip,
            status,
            stop,
            anyway,
            player,
            overview,
            overview_said,
            scores,
            scores_said,
            json,
            csv,
            html,
            stage,
            state,
            asked,
            weighed,
            files,
        ),
        panels,
    )


def _download(label: str, name: str) -> gr.DownloadButton:
    return gr.DownloadButton(
        label, size="sm", scale=0, min_width=170, elem_id=name, interactive=False
    )


def wire(
    tab: Tab,
    panels: Panels,
    conductor: gr.HTML,
    kept: gr.BrowserState,
    bench: Workbench,
    limits: Limits,
) -> None:
    """Connect the tab; `conductor` is told which clip and window are on show.

    `kept` has the settings of this browser.
    """
    outputs = [*tab.outputs, *panels.outputs, conductor]
    scoring: dict[str, Any] = {
        "concurrency_id": "model",
        "concurrency_limit": 1,
        "show_progress": "hidden",
    }
    run = Run(tab, panels, conductor, bench, limits)
    starts: list[tuple[Any, Any, Any]] = [
        (tab.file.upload, run.from_file, [tab.file, kept]),
        (tab.microphone.stop_recording, run.from_microphone, [tab.microphone, kept]),
    ]
    running: list[Any] = [
        tab.anyway.click(
            run.anyway, [tab.state, kept], outputs, api_visibility="private", **scoring
        )
    ]
    for event, start, given in starts:
        left = event(_leave, tab.state, None, queue=False, api_visibility="private")
        running.append(
            left.then(
                start, given, outputs, api_visibility="private",
                trigger_mode="multiple", **scoring,  # the clip before may not have ended yet
            )
        )  # fmt: skip
    tab.stop.click(_stop, tab.state, tab.status, queue=False, api_visibility="private")
    for cleared in (tab.file.clear, tab.microphone.clear):
        left = cleared(
            _leave, tab.state, None, cancels=running, queue=False, api_visibility="private"
        )
        left.then(run.clear, None, outputs, queue=False, api_visibility="private")
    Clicks(panels, tab.state, tab.scores, conductor).wire()
    downloads.wire(tab.files, tab.state, bench)
    questions.wire(tab.asked, tab.state, conductor)
    likelihood.wire(tab.weighed, tab.state)


def _leave(inspection: Inspection | None) -> None:
    """End the scan that is running, and say no more of its clip."""
    if inspection is not None:
        inspection.left = True
        inspection.halting.set()
        inspection.stopping.set()


def _stop(inspection: Inspection | None) -> str:
    """The Stop button: the scan ends after the reading that is being made; what is done stays."""
    if inspection is not None:
        inspection.stopping.set()
    return markup.progress(texts.STOPPING)


@dataclass(frozen=True, slots=True)
class Run:
    """The way of a clip through the tab, as generators of updates."""

    tab: Tab
    panels: Panels
    conductor: gr.HTML
    bench: Workbench
    limits: Limits

    def from_file(self, path: str | None, kept: Any = None) -> Iterator[Updates]:
        """A file was dropped."""
        if path is not None:
            given, name = json_text.loads(path)
            yield from self._guarded(self._new(given, name, (), self.bench.preferences(kept)))

    def from_microphone(self, path: str | None, kept: Any = None) -> Iterator[Updates]:
        """A recording was made in the browser."""
        if path is not None:
            extra = (sentences.microphone(),)
            mine = self.bench.preferences(kept)
            yield from self._guarded(self._new(path, texts.RECORDING, extra, mine))

    def anyway(self, inspection: Inspection | None, kept: Any = None) -> Iterator[Updates]:
        """A person overrules the refusal for want of speech."""
        if inspection is not None:
            inspection.stopping.clear()
            mine = self.bench.preferences(kept)
            mine = replace(mine, settings=replace(mine.settings, score_anyway=True))
            yield from self._guarded(self._score(inspection, mine))

    def clear(self) -> Updates:
        """The recording was taken away."""
        welcome = sentences.drop_a_recording(self.limits.max_bytes, space=self.limits.space)
        return self._blank(markup.head(None, texts.EMPTY_LEAN, welcome))

    def _blank(self, strip: str, status: str = "") -> Updates:
        """No old result stays on screen beside a new file."""
        tab = self.tab
        hidden = gr.update(visible=False)
        updates: Updates = dict.fromkeys((tab.stop, tab.anyway), hidden)
        updates |= {tab.strip: strip, tab.status: status, tab.state: None}
        updates |= {tab.stage: markup.stage(), tab.facts: ""}
        updates |= {tab.player: None, tab.overview: None, tab.scores: None, tab.overview_said: ""}
        updates |= {tab.scores_said: ""}
        updates |= {tab.json: gr.update(value=None, interactive=False)}
        updates |= {tab.csv: gr.update(value=None, interactive=False)}
        updates |= {tab.html: gr.update(value=None, interactive=False)}
        updates |= tab.asked.blank() | tab.weighed.blank()
        return updates | tab.files.blank() | self.panels.blank()

    def _guarded(self, steps: Iterator[Updates]) -> Iterator[Updates]:
        """Say what is meant for people; let bugs crash into the log, with a plain sentence."""
        tab = self.tab
        try:
            yield from steps
        except PROBLEMS as problem:
            strip = markup.head("not scored", texts.NOT_SCORED, str(problem))
            yield {tab.strip: strip, tab.status: "", tab.stop: gr.update(visible=False)}
        except GeneratorExit:
            raise
        except BaseException:
            strip = markup.head("not scored", texts.NOT_SCORED, texts.BUG)
            yield {tab.strip: strip, tab.status: "", tab.stop: gr.update(visible=False)}
            raise

    def _new(
        self, path: str, name: str, extra: tuple[Notice, ...], mine: Preferences
    ) -> Iterator[Updates]:
        tab = self.tab
        reading = texts.READING.format(name=sentences.shown(name))
        yield self._blank(markup.head(None, texts.NOT_SCORED_YET), markup.progress(reading))
        inspection = Inspection.open(
            uploads.uploaded(path), name, self.limits, extra, mine.settings.channels
        )
        yield {
            tab.facts: markup.facts(inspection.clip),
            tab.strip: markup.head(None, texts.NOT_SCORED_YET) + markup.notices(inspection.notices),
            tab.status: markup.progress(texts.DRAWING),
            tab.state: inspection,
        }
        seen, player = inspection.draw()
        yield {
            tab.stage: markup.stage("bench"),
            tab.player: str(player),
            tab.overview: pictures.overview(seen),
            tab.overview_said: pictures.overview_said(seen),
            tab.status: "",
            self.conductor: gr.update(value={"clip": inspection.clip.pcm_sha256}),
        }
        yield from self._score(inspection, mine)

    def _score(self, inspection: Inspection, mine: Preferences) -> Iterator[Updates]:
        tab = self.tab
        if not self.bench.installed():
            yield {tab.strip: self._without_detector(inspection), tab.status: ""}
            return
        settings = mine.settings
        refusal = inspection.refusal(settings)
        if refusal is not None:
            over = refusal.code in sentences.OVERRIDABLE
            strip = markup.head("not scored", texts.NOT_SCORED, refusal.text)
            notices = markup.notices(inspection.notices)
            yield {tab.strip: strip + notices, tab.anyway: gr.update(visible=over)}
            return
        yield {tab.anyway: gr.update(visible=False)}
        loaded = []
        for checkpoint in self.bench.chosen(mine.checkpoints):
            if not self.bench.is_loaded(checkpoint):
                size = checkpoint.weights.stat().st_size
                said = sentences.loading(checkpoint.id, size)
                yield {tab.status: markup.progress(said)}
            loaded.append(self.bench.load(checkpoint))
        yield {tab.stop: gr.update(visible=True), tab.stage: markup.stage("bench", "results")}
        if not self.limits.space:
            self.bench.prepare(settings)
        yield from self._scan(inspection, loaded, settings)
        if inspection.left:
            return
        yield self._concluded(inspection)
        first = self.panels.first(inspection, self.conductor, tab.scores)
        yield first | {tab.stage: markup.stage("bench", "results", "evidence")}
        page = inspection.write_page()
        yield {tab.html: gr.update(value=str(page), interactive=True)}

    def _scan(self, inspection: Inspection, loaded: list[Any], settings: Any) -> Iterator[Updates]:
        tab = self.tab
        begun = drawn = said_at = time.monotonic()
        for step in inspection.scan(loaded, settings):
            now = time.monotonic()
            last = step.done == step.total
            if now - said_at < TELL and not last:
                continue
            said_at = now
            left = step.seconds_left
            said = sentences.scoring(step.window, step.windows, step.loaded.detector.label, left)
            updates: Updates = {tab.status: markup.progress(said, step.done, step.total)}
            if now - drawn > REDRAW * (1 + step.windows / LONG) and not last:
                drawn = now
                updates[tab.scores] = pictures.scores(inspection)
                updates[tab.strip] = self._interim(inspection)
            yield updates
        if inspection.left:
            return
        if inspection.stopping.is_set():
            said = sentences.stopped(*inspection.windows_done())
        else:
            count = len({step.reading.window.first for step in inspection.steps if step.reading})
            spent = time.monotonic() - begun
            said = texts.FINISHED.format(total=count, seconds=f"{spent:.1f} s")
        yield {tab.status: markup.progress(said), tab.stop: gr.update(visible=False)}

    def _interim(self, inspection: Inspection) -> str:
        cards = pictures.cards(inspection)
        return markup.head(None, texts.SCORING_LEAN) + cards + markup.notices(inspection.notices)

    def _concluded(self, inspection: Inspection) -> Updates:
        report = inspection.conclude()
        json, csv = inspection.write_report()
        strip = markup.verdict(report.verdict, report.fused)
        strip += pictures.cards(inspection) + pictures.foot(inspection)
        return {
            self.tab.strip: strip + markup.notices(_unsaid(report)),
            self.tab.scores_said: pictures.scores_said(inspection),
            self.tab.json: gr.update(value=str(json), interactive=True),
            self.tab.csv: gr.update(value=str(csv), interactive=True),
        }

    def _without_detector(self, inspection: Inspection) -> str:
        strip = markup.head("not scored", texts.NOT_SCORED, sentences.no_detector())
        problems = [Notice("unusable", text) for text in self.bench.unusable()]
        help_ = f'<p class="foot">{texts.DETECTORS_HELP}</p>'
        return strip + help_ + markup.notices([*problems, *inspection.notices])


def _unsaid(report: Report) -> list[Notice]:
    """The notices that the verdict does not say already."""
    return [notice for notice in report.notices if notice.text not in report.verdict.text]
