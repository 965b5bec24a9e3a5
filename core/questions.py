"""What a person may ask of a clip that is scored, each with its picture, sentences and table.

For the app; every question takes what `core.probes` and its kin take and gives an `Answer`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from core.detect import Settings, StopSign
from core.numbers import Table
from core.rescoring import OnProbing, Probing, StoppedError
from core.types import Clip, Detection, DetectorError, Evidence, Region, Source, Window

if TYPE_CHECKING:
    from core.faithfulness import Faithfulness
    from core.likelihood import Facts
    from core.loading import Loaded
    from core.quality import Quality
    from core.region_files import Marked


GRADIENT = 3  # passes forward that a pass forward and back takes the time of


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show. `badge` is a word of warning, empty where there is none."""

    title: str
    text: str
    badge: str
    sentences: tuple[str, ...]
    table: Table
    figure: Any | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Occlusion and integrated gradients of one window, as far as they were finished.

    `problem` says why gradients are missing, where that was not for want of patience.
    """

    evidence: tuple[Evidence, ...]
    stopped: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A clip with its detectors, and how to say how far a question has come."""

    clip: Clip
    loaded: tuple["Loaded", ...]
    settings: Settings
    on_step: OnProbing | None = None
    should_stop: StopSign | None = None

    def robustness(self) -> Answer:
        """Whether the numbers stay under changes that should not matter."""
        from core import probe_figures, probe_tables, probes

        found = probes.robustness(
            self.clip, self.loaded, None, self.settings, self.on_step, self.should_stop
        )
        return Answer(
            "Robustness: the same sound under harmless changes",
            found.text,
            "sign flips" if found.flips else "",
            tuple(one.text for one in found.spreads),
            probe_tables.robustness(found),
            probe_figures.strip(found, self.settings.band) if found.spreads else None,
        )

    def shortcuts(self, speech: Sequence[Region]) -> Answer:
        """Whether a decision hangs on something that is not speech."""
        from core import probe_figures, probe_tables, probes

        found = probes.shortcuts(
            self.clip,
            self.loaded,
            None,
            self.settings,
            self.on_step,
            self.should_stop,
            speech=speech,
        )
        title = "Shortcuts: the same sound without what a detector might lean on"
        drawn = found.reliances
        return Answer(
            title,
            found.text,
            "hangs on a shortcut" if found.hangs else "",
            found.sentences,
            probe_tables.shortcuts(found),
            probe_figures.dumbbells(drawn, self.settings.band, "Shortcuts") if drawn else None,
        )

    def what_if(self, region: Region, channel: str = "mix") -> Answer:
        """What a stretch does to the numbers."""
        from core import probe_figures, probe_tables, regions

        found = regions.what_if(
            self.clip,
            region,
            self.loaded,
            self.settings,
            channel,
            self.on_step,
            self.should_stop,
        )
        where = f"{found.region.start:.2f}–{found.region.stop:.2f} s"
        drawn = found.changes
        return Answer(
            f"The stretch {where}: alone, cut out, silenced",
            " ".join(found.notes),
            "",
            tuple(one.text for one in found.changes),
            probe_tables.what_if(found),
            probe_figures.dumbbells(drawn, self.settings.band, f"Stretch {where}")
            if drawn
            else None,
        )

    def faithfulness(
        self, one: "Loaded", window: Window, evidence: Evidence
    ) -> "Faithfulness | None":
        """Whether a map marks what its detector reacts to; None where it was stopped."""
        from core import faithfulness

        return faithfulness.faithfulness(
            self.clip,
            one,
            window,
            evidence,
            self.settings,
            on_step=self.on_step,
            should_stop=self.should_stop,
        )

    def all_faithful(
        self, one: "Loaded", window: Window, maps: Sequence[Evidence]
    ) -> "tuple[Faithfulness, ...]":
        """`faithfulness` of one map after the other; those that were finished before a stop."""
        begun = monotonic()
        found: list[Faithfulness] = []
        for number in range(len(maps)):
            own = replace(self, on_step=self._among(number, len(maps), begun))
            tested = own.faithfulness(one, window, maps[number])
            if tested is None:
                break
            found.append(tested)
        return tuple(found)

    def _among(self, number: int, count: int, begun: float) -> OnProbing:
        """The steps of one test, told as steps of `count` such tests."""

        def tell(step: Probing) -> None:
            done, total = number * step.total + step.done, count * step.total
            left = (monotonic() - begun) / done * (total - done)
            if self.on_step is not None:
                self.on_step(replace(step, done=done, total=total, seconds_left=left))

        return tell

    def attribution(self, one: "Loaded", window: Window) -> Attribution:
        """Which parts of one window moved the number, on the clip's clock; occlusion comes first.

        Both are measured in float32 on the detector's device.
        """
        from core import attribution, detect, threads
        from core.windows import sounding, wave_of

        detector, samples = one.detector, one.detector.spec.samples
        heard = detect.reach(window, samples, sounding(self.clip))
        wave = wave_of(self.clip, heard, samples)
        wanted = attribution.Settings()
        gradients, occlusions = attribution.passes(heard, wanted)
        pace = _Pace(detector.label, self, GRADIENT * gradients + occlusions, monotonic())
        taken: tuple[Evidence, ...] = ()
        with threads.limited(threads.used(self.settings.threads)):
            try:
                first = pace.of("Occlusion", 1, GRADIENT * gradients)
                taken = attribution.occlusion(detector, wave, heard, wanted, first).evidence
                then = pace.of("Integrated gradients", GRADIENT, 0)
                shares = attribution.integrated_gradients(detector, wave, heard, wanted, then)
            except StoppedError:
                return Attribution(taken, stopped=True)
            except DetectorError as error:
                return Attribution(taken, problem=str(error))
        return Attribution(shares.evidence + taken)


@dataclass(slots=True)
class _Pace:
    """How far an attribution has come, in passes forward."""

    detector: str
    asked: Asked
    total: int
    begun: float
    done: int = 0

    def of(self, name: str, cost: int, later: int) -> Callable[[int, int], None]:
        """What to tell after passes that cost so much each, with so much to come after them all."""

        def tell(passes: int, left: int) -> None:
            if self.asked.should_stop is not None and self.asked.should_stop():
                raise StoppedError
            self.done += cost * passes
            self.total = self.done + cost * left + later
            if self.asked.on_step is not None:
                spent = monotonic() - self.begun
                rest = spent / self.done * (self.total - self.done)
                self.asked.on_step(Probing(self.done, self.total, name, self.detector, rest))

        return tell


def testable(evidence: Evidence) -> bool:
    """Whether a map runs along its window, so that stretches of it can be taken away."""
    from core import faithfulness

    return faithfulness.can_test(evidence)


def likelihoods(
    detections: Sequence[Detection],
    loaded: Sequence["Loaded"],
    quality: "Quality",
    source: Source,
) -> tuple["Facts", ...]:
    """The likelihood-ratio card of all detectors together, then of each.

    Of a clip whose channels were scored apart: of the channel that leans most towards spoof.
    """
    from core import fusing, likelihood

    fusion = fusing.installed_fusion()
    own = fusing.leading_channel(detections, fusion)
    by_id = {one.checkpoint.id: one for one in loaded}
    fused = likelihood.fused_facts(own, loaded, fusion, quality, source)
    each = (likelihood.facts(by_id[one.checkpoint], one.score, quality, source) for one in own)
    return (fused, *each)


def prior_words(facts: "Facts", prior: float, band: float) -> tuple[str, ...]:
    """What a share of spoofed clips, before this one was heard, makes of the llr.

    And how often a flag on every llr above `band` would be wrong.
    """
    from core import priors
    from core.probe_sentences import posterior_words

    if facts.llr is None:
        return ()
    after = priors.posterior(facts.llr, prior)
    ends = facts.interval and (
        priors.posterior(facts.interval[0], prior),
        priors.posterior(facts.interval[1], prior),
    )
    said = [posterior_words(prior, after, ends)]
    if len(facts.trial_labels):
        errors = priors.rates(facts.trial_llrs, facts.trial_labels, band)
        said.append(priors.per_thousand(prior, errors).text)
    return tuple(said)


def exported(clip: Clip, regions: "Sequence[Marked]", folder: Path, stem: str) -> tuple[Path, ...]:
    """Regions with their notes as files for other tools."""
    from core import region_files

    return region_files.export(clip, regions, folder, stem)
