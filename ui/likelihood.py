"""The likelihood-ratio card: two propositions, one number with what it rests on, and a prior."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.workbench import PROBLEMS, Inspection
from ui import markup
from ui import question_texts as texts

if TYPE_CHECKING:
    from core.likelihood import Facts

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """The components; `kept` has the facts that are on show."""

    ask: gr.Button
    said: gr.HTML
    card: gr.HTML
    plot: gr.Plot
    plot_said: gr.HTML
    prior: gr.Slider
    priors: gr.HTML
    kept: gr.State

    @classmethod
    def build(cls) -> "Panel":
        """Lay out the button, and room for the card, its plot and the prior."""
        with gr.Accordion(texts.LIKELIHOOD_HEAD, open=True, elem_id="likelihood"):
            with gr.Row(equal_height=True, elem_classes="asks"):
                ask = gr.Button(
                    texts.LIKELIHOOD, size="sm", scale=0, min_width=150, elem_id="ask-likelihood"
                )
                said = gr.HTML(markup.foot(texts.LIKELIHOOD_WHY), elem_id="likelihood-said")
            card = gr.HTML("", elem_id="likelihood-card")
            with gr.Column(elem_classes="answer-plot"):
                plot = gr.Plot(show_label=False, elem_id="tippett")
                plot_said = gr.HTML("", elem_id="tippett-said")
            with gr.Column(elem_classes="priors"):
                prior = gr.Slider(
                    0.1, 99.9, 10, step=0.1, label=texts.PRIOR, info=texts.PRIOR_INFO,
                    elem_id="prior",
                )  # fmt: skip
                priors = gr.HTML("", elem_id="priors-said")
        return cls(ask, said, card, plot, plot_said, prior, priors, gr.State(()))

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.card, self.plot, self.plot_said, self.priors, self.kept]

    def blank(self) -> Updates:
        """Nothing was asked of a new clip."""
        return {
            self.said: markup.foot(texts.LIKELIHOOD_WHY),
            self.card: "",
            self.plot: None,
            self.plot_said: "",
            self.priors: "",
            self.kept: (),
        }


def wire(panel: Panel, state: gr.State) -> None:
    """Connect the button and the slider."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    do = Handlers(panel)
    panel.ask.click(
        do.weigh, [state, panel.prior], panel.outputs, concurrency_id="evidence", **quiet
    )
    panel.prior.change(
        do.prior, [state, panel.kept, panel.prior], panel.priors,
        queue=False, trigger_mode="always_last", **quiet,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the button and the slider do."""

    panel: Panel

    def weigh(self, inspection: Inspection | None, prior: float) -> Iterator[Updates]:
        """The card of all detectors together, with a row for each of them."""
        from core import questions

        panel = self.panel
        if inspection is None or not inspection.detections():
            yield {panel.said: markup.foot(texts.NOT_SCORED)}
            return
        yield panel.blank() | {panel.said: markup.progress(texts.WORKING)}
        try:
            found = questions.likelihoods(
                inspection.detections(),
                inspection.loaded,
                inspection.quality,
                inspection.clip.source,
            )
        except PROBLEMS as problem:
            yield {panel.said: markup.foot(str(problem))}
            return
        yield self._shown(inspection, found, prior)

    def prior(self, inspection: Inspection | None, kept: "Sequence[Facts]", percent: float) -> str:
        """What a share of spoofed clips makes of the llr."""
        from core import questions

        if inspection is None or not kept:
            return ""
        band = 0.0 if inspection.settings is None else inspection.settings.band
        try:
            said = questions.prior_words(leading(kept), percent / 100, band)
        except PROBLEMS as problem:
            return markup.foot(str(problem))
        return markup.answer("", "", "", said, None) if said else ""

    def _shown(self, inspection: Inspection, found: "Sequence[Facts]", prior: float) -> Updates:
        from core import probe_figures, probe_tables

        panel, lead = self.panel, leading(found)
        updates = panel.blank() | {
            panel.said: "",
            panel.card: card(lead, markup.folded(probe_tables.likelihoods(found))),
            panel.priors: self.prior(inspection, found, prior),
            panel.kept: tuple(found),
        }
        if lead.tippett is not None:
            numbers = markup.folded(probe_tables.tippett(lead))
            updates[panel.plot] = probe_figures.tippett(lead)
            updates[panel.plot_said] = markup.foot(placed(lead)) + numbers
        return updates


def leading(found: "Sequence[Facts]") -> "Facts":
    """The facts that the card is about: of all detectors together, else of the first that has some.

    The first of `found` is that of all detectors.
    """
    return next((one for one in found if one.bounds is not None), found[0])


def placed(facts: "Facts") -> str:
    """Where the clip stands among the calibration trials, in a sentence."""
    from core.probe_sentences import tippett_words

    if facts.tippett is None or facts.llr is None:
        return ""
    return tippett_words(facts.llr, *facts.tippett.at(facts.llr))


def card(facts: "Facts", everyone: str) -> str:
    """The card; `everyone` is the table of all detectors."""
    sides = "".join(
        f"<dt>{name}</dt><dd>{escape(said)}</dd>"
        for name, said in zip(texts.SIDES, facts.propositions, strict=False)
    )
    weighed = f'<dl class="propositions">{sides}</dl>' if sides else ""
    sentences = "".join(f"<li>{escape(one)}</li>" for one in facts.sentences)
    return (
        f'<section class="lr" aria-label="{texts.LIKELIHOOD}"><h3>{escape(facts.title)}</h3>'
        f'{weighed}<p class="lr-number">{_number(facts)}</p>'
        f'<ul class="answers">{sentences}</ul>{everyone}</section>'
    )


def _number(facts: "Facts") -> str:
    if facts.llr is None:
        known = facts.bounds is not None
        return f'<span class="none">{texts.OTHER_CONDITION if known else texts.NO_LLR}</span>'
    ends = () if facts.interval is None else facts.interval
    between = f"<small>({' to '.join(map(markup.number, ends))})</small>" if ends else ""
    return f"<span>LLR {markup.number(facts.llr)}</span>{between}"
