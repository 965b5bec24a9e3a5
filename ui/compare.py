"""The Compare tab: two clips, two checkpoints or two channels, side by side on the same scales."""

import json as json_text
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core import sentences
from core.limits import Limits
from core.types import AudioError, ChannelPolicy, DetectorError
from core.workbench import PROBLEMS, Inspection, Workbench
from ui import desk_texts as texts
from ui import markup, pictures, settings, uploads
from ui.comparison import Maps, Pair
from ui.texts import BUG

if TYPE_CHECKING:
    from core.loading import Loaded
    from core.preferences import Preferences

Updates = dict[Any, Any]
KINDS = (texts.TWO_CLIPS, texts.TWO_CHECKPOINTS, texts.TWO_CHANNELS)


@dataclass(frozen=True, slots=True)
class Side:
    """The components of one side."""

    strip: gr.HTML
    player: gr.Audio
    overview: gr.Plot
    scores: gr.Plot

    @property
    def parts(self) -> list[Any]:
        return [self.strip, self.player, self.overview, self.scores]


@dataclass(frozen=True, slots=True)
class Tab:
    """The components of the tab."""

    kind: gr.Radio
    files: tuple[gr.File, gr.File]
    checkpoints: tuple[gr.Dropdown, gr.Dropdown]
    how: gr.HTML
    go: gr.Button
    stop: gr.Button
    status: gr.HTML
    sides: tuple[Side, Side]
    table: gr.HTML
    detector: gr.Dropdown
    maps: Maps
    state: gr.State

    @property
    def outputs(self) -> list[Any]:
        shown = [part for side in self.sides for part in side.parts]
        own = [self.go, self.stop, self.status, self.table, self.detector, self.state]
        return [*own, *shown, *self.maps.outputs]


@dataclass(slots=True, weakref_slot=True, eq=False)
class Wanted:
    """One comparison that runs: what its Stop button sets."""

    stopping: threading.Event = field(default_factory=threading.Event)
    pair: Pair | None = None


def build(bench: Workbench) -> Tab:
    """Lay out the tab."""
    ids = [one.id for one in bench.installed()]
    gr.HTML(markup.foot(texts.COMPARE_HELP))
    kind = gr.Radio(KINDS, value=KINDS[0], label=texts.COMPARE_WHAT, elem_id="compare-kind")
    with gr.Row():
        files = (_file(texts.COMPARE_A, "a"), _file(texts.COMPARE_B, "b"))
    with gr.Row():
        first, last = (ids[0], ids[-1]) if ids else (None, None)
        checkpoints = (
            gr.Dropdown(ids, value=first, label=texts.CHECKPOINT_A, visible=False),
            gr.Dropdown(ids, value=last, label=texts.CHECKPOINT_B, visible=False),
        )
    how = gr.HTML(markup.foot(settings.said(bench.preferences())), elem_id="compare-how")
    with gr.Row(equal_height=True, elem_classes="buttons"):
        go = gr.Button(
            texts.COMPARE_GO, variant="primary", size="sm", scale=0, min_width=130,
            elem_id="compare-go",
        )  # fmt: skip
        stop = gr.Button(
            texts.STOP, size="sm", scale=0, min_width=130, interactive=False, elem_id="compare-stop"
        )
        status = gr.HTML("", elem_id="compare-status")
    with gr.Row(elem_classes="sides"):
        sides = (_side("a"), _side("b"))
    table = gr.HTML("", elem_id="compare-scores")
    detector = gr.Dropdown(
        [], label=texts.COMPARE_DETECTOR, visible=False, elem_id="compare-detector"
    )
    maps = Maps.build()
    return Tab(
        kind,
        files,
        checkpoints,
        how,
        go,
        stop,
        status,
        sides,
        table,
        detector,
        maps,
        gr.State(None),
    )


def _file(label: str, name: str) -> gr.File:
    file = gr.File(label=label, height=128, elem_id=f"compare-{name}")
    vars(file)["preprocess"] = uploads.named
    return file


def _side(name: str) -> Side:
    with gr.Column(elem_classes="own-clock", min_width=340, elem_id=f"side-{name}"):
        strip = gr.HTML("")
        player = gr.Audio(
            interactive=False, visible=False, show_label=False, buttons=[],
            waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        )  # fmt: skip
        overview = gr.Plot(show_label=False, visible=False)
        scores = gr.Plot(show_label=False, visible=False)
    return Side(strip, player, overview, scores)


def wire(
    tab: Tab, bench: Workbench, limits: Limits, kept: gr.BrowserState, demo: gr.Blocks
) -> None:
    """Connect the tab; `kept` has the settings of this browser, `demo` is the page."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    run = Run(tab, bench, limits)
    for event in (demo.load, kept.change):
        event(run.follow, [kept, tab.kind], tab.how, queue=False, **quiet)
    tab.kind.change(run.follow, [kept, tab.kind], tab.how, queue=False, **quiet)
    tab.kind.change(_fields, tab.kind, [tab.files[1], *tab.checkpoints], queue=False, **quiet)
    inputs = [tab.kind, *tab.files, *tab.checkpoints, kept]
    begun = tab.go.click(run.begin, None, [tab.state, *tab.outputs], queue=False, **quiet)
    begun.then(
        run.start, [tab.state, *inputs], tab.outputs, concurrency_id="model", concurrency_limit=1,
        **quiet,
    )  # fmt: skip
    tab.stop.click(_stop, tab.state, tab.status, queue=False, **quiet)
    tab.detector.input(
        run.chosen, [tab.state, tab.detector], tab.outputs, concurrency_id="evidence",
        concurrency_limit=1, **quiet,
    )  # fmt: skip


def _fields(kind: str) -> tuple[Any, Any, Any]:
    """Only the fields that the chosen comparison needs."""
    two = gr.update(visible=kind == texts.TWO_CHECKPOINTS)
    return gr.update(visible=kind == texts.TWO_CLIPS), two, two


def _stop(wanted: Wanted | None) -> str:
    if wanted is not None:
        wanted.stopping.set()
    return markup.progress(texts.STOPPING)


@dataclass(frozen=True, slots=True)
class Run:
    """The way of two sides through the tab, as generators of updates."""

    tab: Tab
    bench: Workbench
    limits: Limits

    def follow(self, kept: Any, kind: str) -> str:
        """How the Settings tab has clips scored, and with what where it is not chosen here."""
        mine = self.bench.preferences(kept)
        ids = ", ".join(mine.checkpoints or self.bench.default_ids())
        if kind == texts.TWO_CHECKPOINTS:
            return markup.foot(settings.said(mine))
        return markup.foot(f"{settings.said(mine)} {texts.COMPARE_WITH.format(names=ids)}")

    def begin(self) -> Updates:
        """No old result stays on screen beside new files."""
        tab = self.tab
        updates: Updates = {tab.state: Wanted(), tab.status: "", tab.table: ""}
        updates[tab.detector] = gr.update(visible=False)
        for side in tab.sides:
            updates[side.strip] = ""
            hidden = dict.fromkeys((side.player, side.overview, side.scores))
            updates |= {part: gr.update(value=None, visible=False) for part in hidden}
        return updates | tab.maps.blank()

    def start(self, wanted: Wanted, kind: str, *given: Any) -> Iterator[Updates]:
        """The whole comparison; what is meant for people is said in the status line."""
        tab = self.tab
        yield {tab.go: gr.update(interactive=False), tab.stop: gr.update(interactive=True)}
        try:
            yield from self._compare(wanted, kind, given[:4], given[4])
        except PROBLEMS as problem:
            yield {tab.status: markup.head("not scored", "Nothing to compare", str(problem))}
        except Exception:
            yield {tab.status: markup.progress(BUG), tab.stop: gr.update(interactive=False)}
            raise
        yield {tab.go: gr.update(interactive=True), tab.stop: gr.update(interactive=False)}

    def chosen(self, wanted: Wanted | None, detector: str) -> Updates:
        """Another detector's maps were asked for."""
        if wanted is None or wanted.pair is None:
            return {self.tab.state: gr.skip()}
        try:
            return self._maps(wanted.pair, detector)
        except PROBLEMS as problem:
            return {self.tab.status: markup.progress(str(problem))}

    def _compare(
        self, wanted: Wanted, kind: str, given: Sequence[Any], kept: Any
    ) -> Iterator[Updates]:
        tab = self.tab
        yield {tab.status: markup.progress("Reading…")}
        mine = self.bench.preferences(kept)
        pair = self._open(kind, given, mine)
        if not self.limits.space:
            self.bench.prepare(mine.settings)
        wanted.pair = pair
        yield self._drawn(pair)
        for letter, side in zip("AB", pair.sides, strict=True):
            side.inspection.stopping = wanted.stopping
            loaded = []
            for checkpoint in side.checkpoints:
                if not self.bench.is_loaded(checkpoint):
                    size = checkpoint.weights.stat().st_size
                    said = sentences.loading(checkpoint.id, size)
                    yield {tab.status: markup.progress(said)}
                loaded.append(self.bench.load(checkpoint))
            yield from self._scan(letter, side, loaded)
        yield self._concluded(pair)
        common = pair.detectors()
        if common:
            yield self._maps(pair, common[0][1])
            yield {tab.detector: gr.update(choices=common, value=common[0][1], visible=True)}
        stopped = wanted.stopping.is_set()
        ended = texts.COMPARE_STOPPED if stopped else texts.COMPARE_DONE
        yield {tab.status: markup.progress(ended)}

    def _open(self, kind: str, given: Sequence[Any], mine: "Preferences") -> Pair:
        """Both sides, decoded.

        Raises
        ------
        AudioError, DetectorError
            where something is missing or cannot be read.
        """
        file_a, file_b, one, other = given
        settings, usual = mine.settings, self.bench.chosen(mine.checkpoints)
        if file_a is None:
            raise AudioError(texts.COMPARE_NEED_A)
        channels = kind == texts.TWO_CHANNELS
        a = self._inspection(file_a, "left" if channels else settings.channels)
        if kind == texts.TWO_CLIPS:
            if file_b is None:
                raise AudioError(texts.COMPARE_NEED_B)
            b = self._inspection(file_b, settings.channels)
            return Pair.of_clips(a, b, usual, settings)
        if kind == texts.TWO_CHECKPOINTS:
            if len(self.bench.installed()) < 2:
                raise DetectorError(texts.COMPARE_ONE_CHECKPOINT)
            if one == other:
                raise DetectorError(texts.COMPARE_SAME)
            chosen = (self.bench.chosen([one]), self.bench.chosen([other]))
            return Pair.of_checkpoints(
                a, self._inspection(file_a, settings.channels), chosen, settings
            )
        if a.clip.samples.channels < 2:
            name = sentences.shown(a.clip.source.name)
            raise AudioError(texts.COMPARE_MONO.format(name=name))
        return Pair.of_channels(a, self._inspection(file_a, "right"), usual, settings)

    def _inspection(self, given: str, channels: ChannelPolicy) -> Inspection:
        path, name = json_text.loads(given)
        return Inspection.open(uploads.uploaded(path), name, self.limits, channels=channels)

    def _drawn(self, pair: Pair) -> Updates:
        """The sound of both sides on one time scale."""
        overviews, players = pair.overviews()
        updates: Updates = {self.tab.status: ""}
        for side, own, figure, player in zip(
            self.tab.sides, pair.sides, overviews, players, strict=True
        ):
            title = f'<p class="facts-title">{escape(own.title)}</p>'
            updates |= {
                side.strip: title + markup.head(None, "Not scored yet"),
                side.player: gr.update(value=str(player), visible=True),
                side.overview: gr.update(value=figure, visible=True),
            }
        return updates

    def _scan(self, letter: str, side: Any, loaded: Sequence["Loaded"]) -> Iterator[Updates]:
        refusal = side.inspection.refusal(side.settings)
        if refusal is not None or not loaded:
            side.inspection.loaded, side.inspection.settings = tuple(loaded), side.settings
            return
        for step in side.inspection.scan(loaded, side.settings):
            said = sentences.scoring(
                step.window, step.windows, step.loaded.detector.title, step.seconds_left
            )
            line = markup.progress(f"{letter} · {said}", step.done, step.total)
            yield {self.tab.status: line}

    def _concluded(self, pair: Pair) -> Updates:
        updates: Updates = {}
        figures = pair.score_figures()
        for side, own, figure in zip(self.tab.sides, pair.sides, figures, strict=True):
            report = own.inspection.conclude()
            title = f'<p class="facts-title">{escape(own.title)}</p>'
            strip = title + markup.verdict(report.verdict, report.fused)
            strip += pictures.cards(own.inspection) + pictures.foot(own.inspection)
            unsaid = [one for one in report.notices if one.text not in report.verdict.text]
            updates[side.strip] = strip + markup.notices(unsaid)
            updates[side.scores] = gr.update(value=figure, visible=bool(report.detections))
        return updates | {self.tab.table: pair.score_table()}

    def _maps(self, pair: Pair, detector: str) -> Updates:
        return self.tab.maps.show(pair, detector)
