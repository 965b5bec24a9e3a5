"""The two sides of a comparison as figures and tables, and the slots in which maps are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core import sentences
from core.types import DetectorError, Samples, Window
from core.workbench import Checkpoint, Inspection
from ui import desk_texts as texts
from ui import markup, pictures

if TYPE_CHECKING:
    from core.compare import Difference
    from core.detect import Settings
    from core.loading import Loaded

Updates = dict[Any, Any]
PAIRS, BARS = 5, 8  # pictures at once


@dataclass(frozen=True, slots=True)
class Half:
    """One side: a clip, what it is scored with and how."""

    title: str
    inspection: Inspection
    checkpoints: tuple[Checkpoint, ...]
    settings: "Settings"
    channel: int | None = None  # drawn and heard alone

    @property
    def samples(self) -> Samples:
        from core.compare import OneChannel

        whole = self.inspection.clip.samples
        return whole if self.channel is None else OneChannel(whole, self.channel)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, A and B."""

    sides: tuple[Half, Half]

    @classmethod
    def of_clips(
        cls, a: Inspection, b: Inspection, chosen: tuple[Checkpoint, ...], settings: "Settings"
    ) -> "Pair":
        titles = (f"A: {_name(a)}", f"B: {_name(b)}")
        return cls((Half(titles[0], a, chosen, settings), Half(titles[1], b, chosen, settings)))

    @classmethod
    def of_checkpoints(
        cls,
        a: Inspection,
        b: Inspection,
        chosen: tuple[tuple[Checkpoint, ...], tuple[Checkpoint, ...]],
        settings: "Settings",
    ) -> "Pair":
        titles = [
            f"{letter}: {_name(a)}, {own[0].id}" for letter, own in zip("AB", chosen, strict=True)
        ]
        return cls(
            (Half(titles[0], a, chosen[0], settings), Half(titles[1], b, chosen[1], settings))
        )

    @classmethod
    def of_channels(
        cls, a: Inspection, b: Inspection, chosen: tuple[Checkpoint, ...], settings: "Settings"
    ) -> "Pair":
        left, right = replace(settings, channels="left"), replace(settings, channels="right")
        return cls(
            (
                Half(f"A: {_name(a)}, left channel", a, chosen, left, 0),
                Half(f"B: {_name(b)}, right channel", b, chosen, right, 1),
            )
        )

    @property
    def seconds(self) -> float:
        """The longer side's length, which both time axes have."""
        return max(half.inspection.clip.seconds for half in self.sides)

    def overviews(self) -> tuple[list[Any], list[Path]]:
        """Waveform and spectrogram of both sides on one scale, and the copies to listen to."""
        from core import compare, display, figures

        drawn = [figures.overview(display.overview(half.samples)) for half in self.sides]
        players = [
            display.listening_copy(
                half.samples, half.inspection.folder / f"{half.inspection.stem} {letter}"
            )
            for letter, half in zip("AB", self.sides, strict=True)
        ]
        compare.level_values(drawn[0], drawn[1])
        compare.same_clock(drawn, self.seconds)
        return drawn, players

    def score_figures(self) -> list[Any]:
        """The window scores of both sides on one scale."""
        from core import compare

        for half in self.sides:
            own = half.inspection
            own.window = own.strongest(own.loaded[0].checkpoint.id) if own.loaded else None
        drawn = [pictures.scores(half.inspection) for half in self.sides]
        compare.level_values(drawn[0], drawn[1])
        compare.same_clock(drawn, self.seconds)
        return drawn

    def score_table(self) -> str:
        """Scores of both sides, and their differences where they are of one kind."""
        from core import compare

        a, b = (half.inspection.report for half in self.sides)
        if a is None or b is None:
            return ""
        same = a.source.sha256 == b.source.sha256 and self.sides[0].channel is None
        one = self.sides[0].checkpoints == self.sides[1].checkpoints
        note = markup.foot(texts.COMPARE_EQUAL_BYTES) if same and one else ""
        rows = compare.score_rows(a, b)
        return f"<h3>{texts.COMPARE_SCORES}</h3>{note}{_table(compare.SCORE_HEAD, rows)}"

    def detectors(self) -> list[tuple[str, str]]:
        """(title, name) of the detectors that scored both sides."""
        names = [
            {one.detector.name: one.detector.label for one in half.inspection.loaded
             if half.inspection.strongest(one.checkpoint.id) is not None}
            for half in self.sides
        ]  # fmt: skip
        return [(title, name) for name, title in names[0].items() if name in names[1]]

    def explained(self, detector: str) -> tuple[list[Any], list[Any], tuple[Window, Window]]:
        """The evidence of each side in its highest window."""
        found = []
        windows = []
        for half in self.sides:
            own = half.inspection
            loaded: Loaded = next(one for one in own.loaded if one.detector.name == detector)
            window = own.strongest(loaded.checkpoint.id)
            if window is None:
                raise DetectorError(texts.COMPARE_NO_MAPS)
            found.append(list(own.explain(loaded, window)))
            windows.append(window)
        return found[0], found[1], (windows[0], windows[1])


@dataclass(frozen=True, slots=True)
class Maps:
    """Room for maps in pairs, and for differences."""

    head: gr.HTML
    pairs: tuple[tuple[gr.HTML, gr.Plot, gr.Plot], ...]
    middle: gr.HTML
    bars: tuple[tuple[gr.HTML, gr.Plot], ...]

    @classmethod
    def build(cls) -> "Maps":
        """Lay out the slots; an empty one is not shown."""
        head = gr.HTML("")
        pairs = []
        for number in range(PAIRS):
            note = gr.HTML("", elem_id=f"pair-{number}-note", elem_classes="slot-note")
            with gr.Row(elem_classes="sides"):
                plots = []
                for letter in "ab":
                    with gr.Column(min_width=340):
                        name = f"pair-{number}-{letter}"
                        plots.append(gr.Plot(show_label=False, visible=False, elem_id=name))
            pairs.append((note, plots[0], plots[1]))
        middle = gr.HTML("", elem_id="differences")
        bars = []
        with gr.Row(elem_classes="differences"):
            for number in range(BARS):
                with gr.Column(min_width=420):
                    note = gr.HTML("", elem_id=f"difference-{number}-note")
                    name = f"difference-{number}"
                    bars.append((note, gr.Plot(show_label=False, visible=False, elem_id=name)))
        return cls(head, tuple(pairs), middle, tuple(bars))

    @property
    def outputs(self) -> list[Any]:
        parts = [part for slot in (*self.pairs, *self.bars) for part in slot]
        return [self.head, self.middle, *parts]

    def blank(self) -> Updates:
        """Nothing is on show."""
        updates: Updates = {self.head: "", self.middle: ""}
        for slot in (*self.pairs, *self.bars):
            updates[slot[0]] = ""
            updates |= {plot: gr.update(value=None, visible=False) for plot in slot[1:]}
        return updates

    def show(self, pair: Pair, detector: str) -> Updates:
        """The maps of one detector on both sides, and what differs."""
        from core import compare

        a, b, windows = pair.explained(detector)
        timed = compare.in_time(a, b)
        gaps = compare.differences(a, b)
        updates = self.blank()
        said = "" if timed or gaps else markup.foot(texts.COMPARE_NO_MAPS)
        updates[self.head] = f"<h3>{texts.COMPARE_MAPS}</h3>" + (said or _where(windows))
        for slot, both in zip(self.pairs, timed, strict=False):
            drawn = compare.map_figures(both, windows, 0)
            updates[slot[0]] = _note(both[0].title, both[0].caption)
            updates |= {
                plot: gr.update(value=figure, visible=True)
                for plot, figure in zip(slot[1:], drawn, strict=True)
            }
        if gaps:
            updates[self.middle] = (
                f"<h3>{texts.COMPARE_DIFFERENCES}</h3>{markup.foot(texts.COMPARE_HUES)}"
            )
        for bar, gap in zip(self.bars, gaps, strict=False):
            updates[bar[0]] = _gap_note(gap)
            if gap.a != gap.b:
                figure = compare.difference_figure(gap)
                updates[bar[1]] = gr.update(value=figure, visible=True)
        return updates


def _name(inspection: Inspection) -> str:
    return sentences.shown(inspection.clip.source.name)


def _where(windows: tuple[Window, Window]) -> str:
    a, b = windows
    said = f"A: {a.start:.2f}–{a.stop:.2f} s. B: {b.start:.2f}–{b.stop:.2f} s."
    return markup.foot(said)


def _note(title: str, caption: str) -> str:
    return f'<div class="evidence-note wide"><h3>{escape(title)}</h3><p>{escape(caption)}</p></div>'


def _gap_note(gap: "Difference") -> str:
    rows = [
        (name, f"{a:.3g}", f"{b:.3g}", f"{a - b:+.3g}")
        for name, a, b in zip(gap.names, gap.a, gap.b, strict=True)
    ]
    table = _table(("", "A", "B", "A − B"), rows) if rows else ""
    return (
        f'<div class="evidence-note"><h3>{escape(gap.title)}</h3>'
        f'<p class="said">{escape(gap.sentence)}</p>'
        f'<details class="numbers"><summary>Numbers</summary>{table}</details></div>'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="plain"><thead><tr>{top}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )
