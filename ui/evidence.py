"""Evidence of one window, detector by detector: a tab each, and pictures that fit the arrays.

Nothing here knows a network. A detector hands over named arrays; `core.figures` finds the picture,
`core.numbers` the sentence and the table, and a detector that is installed tomorrow needs no more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr

from core.types import Evidence, Region, Window
from core.workbench import PROBLEMS, Inspection
from ui import markup, pictures, question_texts, texts
from ui.asking import Done, running

if TYPE_CHECKING:
    from core.faithfulness import Faithfulness
    from core.questions import Asked, Attribution

Found = TypeVar("Found")
SLOTS = 10  # pictures a detector can show at once
TABS = 8
AT_ONCE = 12  # clips of up to so many windows get the row of all windows without being asked
Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one picture, with what is said of it."""

    note: gr.HTML
    plot: gr.Plot

    def filled(
        self, evidence: Evidence, place: int, window: Window, tested: "Faithfulness | None" = None
    ) -> Updates:
        """The picture that fits an array, its reading aid, sentence and table."""
        from core import figures, numbers

        figure = figures.draw(evidence, place, Region(window.start, window.stop))
        raster = evidence.key.endswith(".windows")
        aid = (
            texts.AID_RASTER
            if raster
            else texts.aid(evidence.scope, signed=evidence.signed, speaks=figures.speaks(evidence))
        )
        said = numbers.sentence(evidence)
        wide = any(map(figures.is_time, evidence.axes)) or evidence.values.ndim > 1
        text = markup.evidence_note(evidence, said, aid, numbers.table(evidence), tested, wide=wide)
        return {self.note: text, self.plot: figure}

    def empty(self) -> Updates:
        """No picture; a slot whose note is empty is not shown."""
        return {self.note: "", self.plot: None}


def _empty(name: str) -> Slot:
    with gr.Column(elem_classes="slot", elem_id=f"{name}-slot"):
        note = gr.HTML(elem_id=f"{name}-note")
        plot = gr.Plot(show_label=False, elem_id=name)
    return Slot(note, plot)


@dataclass(frozen=True, slots=True)
class Panels:
    """The components below the scores."""

    head: gr.HTML
    tabs: gr.Tabs
    each: tuple[gr.Tab, ...]
    everything: gr.Button
    test: gr.Button
    attribute: gr.Button
    stop: gr.Button
    slots: tuple[Slot, ...]  # the first is for all windows side by side

    @classmethod
    def build(cls) -> "Panels":
        """Lay out the tabs and the slots for pictures."""
        with gr.Column(elem_id="evidence"):
            with gr.Tabs(selected=0, elem_id="evidence-tabs") as tabs:
                each = tuple(gr.Tab(f"detector {n}", id=n, visible=n == 0) for n in range(TABS))
            head = gr.HTML(markup.foot(texts.EVIDENCE_NONE), elem_id="evidence-head")
            with gr.Row(equal_height=True, elem_classes="asks"):
                small: dict[str, Any] = {"size": "sm", "scale": 0, "min_width": 240}
                attribute = gr.Button(question_texts.ATTRIBUTE, elem_id="attribute", **small)
                test = gr.Button(question_texts.TEST_MAPS, elem_id="test-maps", **small)
                everything = gr.Button(
                    texts.ALL_WINDOWS, visible=False, elem_id="all-windows", **small
                )
                stop = gr.Button(texts.STOP, visible=False, elem_id="stop-evidence", **small)
            with gr.Column(elem_classes="slots"):
                slots = [_empty(f"evidence-{n}" if n else "raster") for n in range(SLOTS + 1)]
        return cls(head, tabs, each, everything, test, attribute, stop, tuple(slots))

    @property
    def outputs(self) -> list[Any]:
        parts = [part for slot in self.slots for part in (slot.note, slot.plot)]
        return [self.head, self.tabs, *self.each, self.everything, self.stop, *parts]

    def blank(self) -> Updates:
        """Nothing is on show."""
        updates: Updates = {self.head: markup.foot(texts.EVIDENCE_NONE)}
        updates[self.stop] = gr.update(visible=False)
        for slot in self.slots:
            updates |= slot.empty()
        return updates

    def first(self, inspection: Inspection, conductor: gr.HTML, scores: gr.Plot) -> Updates:
        """The evidence of the strongest window, once a clip is scored."""
        updates: Updates = {self.tabs: gr.Tabs(selected=0)}
        for place, tab in enumerate(self.each):
            known = place < len(inspection.loaded)
            label = inspection.loaded[place].detector.label if known else ""
            updates[tab] = gr.update(visible=known, label=label)
        inspection.tab = 0
        window = inspection.strongest(inspection.loaded[0].checkpoint.id)
        if window is None:
            return updates | {scores: pictures.scores(inspection)}
        return updates | self.show(inspection, window, conductor, scores)

    def show(
        self, inspection: Inspection, window: Window, conductor: gr.HTML, scores: gr.Plot
    ) -> Updates:
        """The pictures of one window for the detector whose tab is open."""
        loaded = inspection.loaded[inspection.tab]
        inspection.window = window
        found = inspection.shown(loaded, window)
        updates: Updates = {
            self.head: _head(inspection, window, found),
            scores: pictures.scores(inspection),
            conductor: {
                "clip": inspection.clip.pcm_sha256,
                "window": {"start": window.start, "stop": window.stop},
            },
        }
        for number, slot in enumerate(self.slots[1:]):
            if number < len(found):
                key = (loaded.checkpoint.sha256, window, found[number].key)
                tested = inspection.faithful.get(key)
                updates |= slot.filled(found[number], inspection.tab, window, tested)
            else:
                updates |= slot.empty()
        return updates | self._raster(inspection)

    def _raster(self, inspection: Inspection) -> Updates:
        """All windows side by side: drawn where they are known, offered where they are not."""
        from core import numbers

        loaded = inspection.loaded[inspection.tab]
        windows = inspection.windows(loaded.checkpoint.id)
        known = {window for sha, window in inspection.explained if sha == loaded.checkpoint.sha256}
        complete = len(windows) <= AT_ONCE or known >= set(windows)
        pairs = [(w, inspection.explain(loaded, w)) for w in windows] if complete else []
        drawn = next(filter(None, map(numbers.across_windows, _by_key(pairs))), None)
        offered = not complete and len(windows) > 1
        updates: Updates = {self.everything: gr.update(visible=offered)}
        if drawn is None:
            return updates | self.slots[0].empty()
        whole = Window(0, inspection.clip.samples.length)
        return updates | self.slots[0].filled(drawn, inspection.tab, whole)

    def attempt(
        self, inspection: Inspection, window: Window, conductor: gr.HTML, scores: gr.Plot
    ) -> Updates:
        """`show`, or the sentence that says why not."""
        try:
            return self.show(inspection, window, conductor, scores)
        except PROBLEMS as problem:
            return {self.head: markup.foot(str(problem))}


@dataclass(frozen=True, slots=True)
class Clicks:
    """What a click on a window, on a tab, on the button does."""

    panels: Panels
    state: gr.State
    scores: gr.Plot
    conductor: gr.HTML

    def wire(self) -> None:
        """Connect the three."""
        outputs = [*self.panels.outputs, self.scores, self.conductor, self.state]
        shared: dict[str, Any] = {
            "concurrency_id": "evidence",
            "concurrency_limit": 1,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        last: dict[str, Any] = {"trigger_mode": "always_last", **shared}
        self.conductor.hear(self.heard, self.state, outputs, **last)
        self.panels.tabs.select(self.chosen, self.state, outputs, **last)
        self.panels.everything.click(self.everything, self.state, outputs, **shared)
        self.panels.attribute.click(self.attributed, self.state, outputs, **shared)
        self.panels.test.click(self.tested, self.state, outputs, **shared)
        self.panels.stop.click(
            self.halted, self.state, self.panels.stop, queue=False, api_visibility="private"
        )

    def heard(self, inspection: Inspection | None, event: gr.EventData) -> Updates:
        """A window was clicked in the page, at `start` seconds."""
        return self._shown(inspection, float(event._data["start"]))

    def chosen(self, inspection: Inspection | None, event: gr.SelectData) -> Updates:
        """Another detector's tab was opened."""
        if inspection is None or not inspection.loaded or inspection.window is None:
            return self._nothing()
        inspection.tab = min(int(event.index), len(inspection.loaded) - 1)
        return self._shown(inspection, inspection.window.start)

    def everything(self, inspection: Inspection | None) -> Iterator[Updates]:
        """All windows side by side were asked for."""
        if inspection is None or not inspection.loaded:
            return
        loaded = inspection.loaded[inspection.tab]
        windows = inspection.windows(loaded.checkpoint.id)
        for count, window in enumerate(windows, start=1):
            inspection.explain(loaded, window)
            said = texts.EXPLAINING.format(done=count, total=len(windows))
            yield {self.panels.head: markup.progress(said, count, len(windows))}
        if inspection.window is not None:
            yield self._shown(inspection, inspection.window.start)

    def attributed(self, inspection: Inspection | None) -> Iterator[Updates]:
        """Which parts of the window moved the number."""
        if inspection is None or not inspection.loaded or inspection.window is None:
            return
        loaded, window = inspection.loaded[inspection.tab], inspection.window
        known = inspection.attributed.get((loaded.checkpoint.sha256, window), ())
        if any(one.key.startswith("attribution.ig") for one in known):
            return  # all of it is on show

        def keep(found: "Attribution") -> str:
            inspection.attributed[loaded.checkpoint.sha256, window] = found.evidence
            return question_texts.ATTRIBUTION_STOPPED if found.stopped else found.problem

        yield from self._long(inspection, lambda asked: asked.attribution(loaded, window), keep)

    def tested(self, inspection: Inspection | None) -> Iterator[Updates]:
        """Whether the maps on show mark what the detector reacts to, one after the other."""
        from core.questions import testable

        if inspection is None or not inspection.loaded or inspection.window is None:
            return
        loaded, window = inspection.loaded[inspection.tab], inspection.window
        maps = [one for one in inspection.shown(loaded, window) if testable(one)]
        if not maps:
            yield {self.panels.head: markup.foot(question_texts.NOTHING_TO_TEST)}
            return

        def keep(found: "tuple[Faithfulness, ...]") -> str:
            for one in found:
                inspection.faithful[loaded.checkpoint.sha256, window, one.key] = one
            said = question_texts.TESTS_STOPPED.format(done=len(found), total=len(maps))
            return said if len(found) < len(maps) else ""

        yield from self._long(
            inspection, lambda asked: asked.all_faithful(loaded, window, maps), keep
        )

    def halted(self, inspection: Inspection | None) -> Updates:
        """The Stop button: what is being made ends after the pass that is running."""
        if inspection is not None:
            inspection.halting.set()
        return gr.update(visible=False)

    def _long(
        self,
        inspection: Inspection,
        question: "Callable[[Asked], Found]",
        keep: Callable[[Found], str],
    ) -> Iterator[Updates]:
        """Progress with a Stop button, then the pictures; `keep` says what else is to be said."""
        from core.questions import Asked

        panels, window = self.panels, inspection.window
        if inspection.settings is None or window is None:
            return
        clip, loaded, settings = inspection.clip, inspection.loaded, inspection.settings
        inspection.halting.clear()

        def over() -> bool:
            return inspection.halting.is_set() or inspection.left

        yield {panels.head: markup.progress(question_texts.WORKING),
               panels.stop: gr.update(visible=True)}  # fmt: skip
        ended: Updates = {panels.stop: gr.update(visible=False)}
        try:
            for step in running(lambda tell: question(Asked(clip, loaded, settings, tell, over))):
                if inspection.left:
                    return
                if isinstance(step, Done):
                    said = keep(step.value)
                    shown = self._shown(inspection, window.start)
                    if said and panels.head in shown:
                        shown[panels.head] += markup.foot(said)
                    yield {**shown, **ended}
                else:
                    line = question_texts.progress(step.name, step.detector, step.seconds_left)
                    yield {panels.head: markup.progress(line, step.done, step.total)}
        except PROBLEMS as problem:
            yield {panels.head: markup.foot(str(problem)), **ended}
        finally:
            inspection.halting.set()  # also where the page was closed: nobody waits any more

    def _shown(self, inspection: Inspection | None, start: float) -> Updates:
        window = _window(inspection, start)
        if inspection is None or window is None:
            return self._nothing()
        return self.panels.attempt(inspection, window, self.conductor, self.scores)

    def _nothing(self) -> Updates:
        return {self.state: gr.skip()}


def _window(inspection: Inspection | None, start: float) -> Window | None:
    """The scored window of the open tab's detector that starts nearest to `start` seconds."""
    if inspection is None or not inspection.loaded:
        return None
    windows = inspection.windows(inspection.loaded[inspection.tab].checkpoint.id)
    return min(windows, key=lambda window: abs(window.start - start), default=None)


def _by_key(
    pairs: list[tuple[Window, tuple[Evidence, ...]]],
) -> list[list[tuple[Window, Evidence]]]:
    """The evidence of several windows, regrouped: one list for each kind."""
    kinds: dict[str, list[tuple[Window, Evidence]]] = {}
    for window, found in pairs:
        for evidence in found:
            kinds.setdefault(evidence.key, []).append((window, evidence))
    return list(kinds.values())


def _head(inspection: Inspection, window: Window, found: tuple[Evidence, ...]) -> str:
    loaded = inspection.loaded[inspection.tab]
    score = inspection.score(loaded.checkpoint.id, window)
    number = ""
    if score is not None:
        raw = f"raw {markup.number(score.spoof_logit)}"
        number = raw if score.llr is None else f"LLR {markup.number(score.llr)} ({raw})"
    said = texts.EVIDENCE_FOR.format(
        title=loaded.detector.label, start=window.start, stop=window.stop, number=number
    )
    return markup.foot(said, "" if found else texts.NO_EVIDENCE)
