"""The five compact checkpoints from the corpus, stage by stage, each stage's result kept.

statistics of all ears -> HierCon and MamBo over them -> SLS over those without texture -> zoo, its
copies -> a backbone for texture alone -> codec, its codes -> QAF-Static over that backbone ->
AASIST, from the waveform -> cards.
Stages run for a given time; a stage whose result lies in the working folder is not run again.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from core.backbones import COMPACT_CODEC, Codec
from core.calibration import Calibration
from core.detectors.aasist import Aasist
from core.detectors.hiercon import HierCon
from core.detectors.mambo import Mambo
from core.detectors.over_backbone import OverBackbone
from core.detectors.qaf import QafStatic
from core.detectors.sls import Sls
from core.texture import TextureConfig
from training import codec as codecs
from training import graphs, joint, quantised, ship, textures
from training.augment.lossy import versions
from training.bank import Bank
from training.corpus import read_splits
from training.data import Audio
from training.pieces import OFTEN, USUAL, Handling, Pieces, joined
from training.recipes import _compact as compact
from training.textures import Textures
from training.zoo import generators
from training.zoo.copies import as_copies, beside, copies, items_of_copies
from training.zoo.fit import fit as fit_generator
from training.zoo.generators import Generator

EARS, SHAPES = ("texture", "cepstra", "phase"), ("cepstra", "phase")
MAMBO: dict[str, Any] = {"topology": 3, "ssm": "hydra", "repeats": 3, "units": 1, "width": 64}
ALL: dict[str, dict[str, Any]] = {"hiercon": {}, "mambo": MAMBO}
ALONE: dict[str, dict[str, Any]] = {"sls": {}}
STAGES = {"ears": (ALL, EARS), "shapes": (ALONE, SHAPES), "texture": (ALONE, EARS[:1])}
TEXTURE = TextureConfig().width
COPIES = 2  # of each human clip in each variant, by generators of the zoo, for texture alone
AASIST: dict[str, Any] = {}
CODED = 4  # variants that QAF-Static learns from, and whose codes: these take long
PLAIN = 1 / 3  # share of the dev clips that calibrations hear unchanged
SECONDS = {  # of what ships; zoo (each kind) and AASIST on a GPU that others used, too
    "zoo": 545.0,
    "codec": 1400.0,
    "ears": 2400.0,
    "shapes": 1500.0,
    "texture": 2200.0,
    "qaf": 600.0,
    "aasist": 387.0,
}


def backbone(ears: tuple[str, ...]) -> dict[str, Any]:
    """The configuration of a backbone with these ears."""
    return joint.BACKBONE | {"ears": ears}


QAF: dict[str, Any] = {"backbone": backbone(EARS[:1]), "mode": "codecT"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of each stage on the machine at hand, and how many variants of each clip."""

    variants: int = 8
    seconds: Mapping[str, float] = field(default_factory=SECONDS.copy)
    seed: int = compact.SEED


class Workshop:
    """The stages over one corpus and one working folder."""

    def __init__(self, data: Path | None, work: Path, plan: Plan) -> None:
        splits = read_splits(data)
        self.work, self.plan, self.data = work, plan, data
        self.train = Audio.of(splits.train, work / "cache")
        self.dev = Audio.of(splits.dev, work / "cache")

    def textures(self, name: str) -> Textures:
        """The statistics of all ears: train in all variants, dev unchanged and handled."""
        audio = self.train if name == "train" else self.dev
        wanted = self.plan.variants if name == "train" else 2
        return self._statistics(audio, self.work / name, EARS, wanted)

    def shapes(self, name: str) -> Textures:
        """The same without texture, which comes first."""
        return self.textures(name).after(TEXTURE)

    def coded(self) -> Textures:
        """The texture of train in the variants whose codes QAF-Static learns from."""
        wanted = min(CODED, self.plan.variants)
        return self._statistics(self.train, self.work / "coded", EARS[:1], wanted, OFTEN)

    def _statistics(
        self,
        audio: Audio,
        folder: Path,
        ears: tuple[str, ...],
        wanted: int,
        handling: Handling = USUAL,
    ) -> Textures:
        missing = [v for v in range(wanted) if not (folder / f"blocks-{v}.npy").exists()]
        if missing:
            bank, seed = Bank.read(audio, "cpu"), self.plan.seed
            stem = joint.Together(ALONE, backbone(ears)).stem.eval()
            for variant in missing:
                lossy = versions(bank, seed + variant, 1)
                textures.make(stem, bank, lossy, folder, variant, seed, handling)
        return textures.read(tuple(audio.items), folder)

    def copied(self) -> Textures:
        """The texture of train and of copies of its human clips, in all variants."""
        folder, seed = self.work / "copied", self.plan.seed
        wanted = range(self.plan.variants)
        if missing := [v for v in wanted if not (folder / f"blocks-{v}.npy").exists()]:
            bank, made = Bank.read(self.train, "cpu"), self.copies()
            stem = joint.Together(ALONE, backbone(EARS[:1])).stem.eval()
            for variant in missing:
                whole = beside(bank, made, COPIES, np.random.default_rng([seed, variant]))
                lossy = versions(whole, seed + variant, 1)
                textures.make(stem, whole, lossy, folder, variant, seed)
        items = tuple(self.train.items)
        return textures.read(items + items_of_copies(items, COPIES), folder)

    def copies(self) -> tuple[Bank, ...]:
        """The human clips of train through every generator of the zoo."""
        human = self.human()
        return tuple(self._copies(kind, human) for kind in generators.KINDS)

    def human(self) -> Bank:
        """The human clips of train."""
        rows = [i for i, item in enumerate(self.train.items) if item.label == "bonafide"]
        items = [self.train.items[i] for i in rows]
        return Bank.of(items, [self.train.read(i) for i in rows], "cpu")

    def _copies(self, kind: str, bank: Bank) -> Bank:
        kept = self.work / "copies" / f"{kind}.npy"
        if kept.exists():
            return as_copies(bank, kind, np.load(kept))
        copied = copies(self.generator(kind, bank), bank, self.plan.seed, kind)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, copied.samples.numpy())
        return copied

    def generator(self, kind: str, human: Bank) -> Generator:
        """A vocoder or codec of the zoo, trained on the human clips."""
        made = generators.build(kind)
        if not self._load(made, f"zoo-{kind}"):
            device = "cuda" if torch.cuda.is_available() else "cpu"
            samples = human.samples.to(device).float() / 32_768
            seconds, log = self.plan.seconds["zoo"], self._log(f"zoo-{kind}")
            made = fit_generator(kind, samples, seconds, log, self.plan.seed).cpu()
            self._keep(made, f"zoo-{kind}")
        return made.eval()

    def codec(self) -> Codec:
        """The compact EnCodec, its codebooks settled by k-means."""
        made = Codec(COMPACT_CODEC)
        if not self._load(made, "codec"):
            seed = self.plan.seed + 1
            made, _ = codecs.train_codec(
                self.train, COMPACT_CODEC, self.plan.seconds["codec"], self._log("codec"), seed
            )
            codecs.settle(made, self.train, seed)
            self._keep(made, "codec")
        return made.eval()

    def codes(self, codec: Codec) -> tuple[NDArray[np.int16], ...]:
        """The codes of train in the variants of `coded`, (clips, quantizers, codec frames) each."""
        paths = []
        for variant, waves in enumerate(self.coded().waves):
            paths.append(self.work / "coded" / f"codes-{variant}.npy")
            if not paths[-1].exists():
                np.save(paths[-1], quantised.codes_of(codec, waves))
        return tuple(np.load(path) for path in paths)

    def ears(self) -> joint.Together:
        """HierCon and MamBo over the backbone that has all ears."""
        return self._together("ears", self.textures("train"), self.textures("dev"))

    def sls(self) -> joint.Together:
        """SLS over the backbone without texture."""
        return self._together("shapes", self.shapes("train"), self.shapes("dev"))

    def texture(self) -> joint.Together:
        """The backbone that hears texture alone; QAF-Static ships over it, this SLS does not."""
        return self._together("texture", self.copied(), self.textures("dev").until(TEXTURE))

    def _together(self, stage: str, train: Textures, dev: Textures) -> joint.Together:
        configs, ears = STAGES[stage]
        made = joint.Together(configs, backbone(ears))
        if not self._load(made, stage):
            made = joint.fit(
                configs,
                backbone(ears),
                (train, dev),
                self.plan.seconds[stage],
                self._log(stage),
                self.plan.seed + 3,
            )
            self._keep(made, stage)
        return made.eval()

    def qaf(self) -> QafStatic:
        """QAF-Static over the frozen backbone that hears texture, and the codec."""
        made = QafStatic.build({**QAF, "codec_rms": quantised.LEVEL}, "compact")
        if not self._load(made, "qaf"):
            codec = self.codec()
            parts = quantised.Frozen(self.texture().backbone, codec, self.codes(codec))
            made = quantised.fit(
                QAF,
                parts,
                self.coded(),
                self.plan.seconds["qaf"],
                self._log("qaf"),
                self.plan.seed + 4,
            )
            self._keep(made, "qaf")
        return made.eval()

    def pieces(self) -> Pieces:
        """The clips of train and all copies of its human ones, with a lossy version of each."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        bank, seed = Bank.read(self.train, "cpu"), self.plan.seed
        clean = joined([bank, *self.copies()])
        lossy = versions(clean, seed, os.cpu_count() or 1)
        rng = np.random.default_rng(seed)
        return Pieces.of(clean.to(device), lossy.to(device), rng)

    def aasist(self) -> Aasist:
        """Sparse AASIST from the waveform."""
        made = Aasist.build(AASIST, "compact")
        if not self._load(made, "aasist"):
            made = graphs.fit(
                self.pieces(),
                AASIST,
                self.plan.seconds["aasist"],
                self._log("aasist"),
                self.plan.seed + 2,
            )
            self._keep(made, "aasist")
        return made.eval()

    def five(self) -> ship.Five:
        """All that ships, trained where it is missing."""
        ears, shapes = self.ears(), self.sls()
        return ship.Five(
            cast("HierCon", ears.detector("hiercon")),
            cast("Sls", shapes.detector("sls")),
            cast("Mambo", ears.detector("mambo")),
            self.qaf(),
            self.aasist(),
        )

    def ship(self, root: Path, notes: Mapping[str, list[str]]) -> dict[str, Any]:
        """Write the checkpoints, cards and fusion.json; returns the figures on dev."""
        five = self.five()
        dev, train = self.textures("dev"), self.textures("train")
        kept = self.work / "dev-scores.json"
        if not kept.exists():
            heard = {"plain": dev.waves[0], "handled": self.handled(dev)}
            numbers = {name: ship.all_scores(five, w) for name, w in heard.items()}
            kept.write_text(json.dumps(numbers))
        plain, handled = (json.loads(kept.read_text())[name] for name in ("plain", "handled"))
        labels = [item.label for item in dev.items]
        sources = [item.source for item in dev.items]
        licences, common = self.licences(), notes.get("", [])
        bearers: dict[str, OverBackbone] = {
            "ears": five.hiercon,
            "shapes": five.sls,
            "texture": five.qaf,
        }
        for key, bearer in bearers.items():
            ship.save_backbone(root, bearer, [*common, *notes.get(key, [])], licences)
        calibrations: dict[str, Calibration] = {}
        for one in five:
            table = ship.dimension_table(one, train) if isinstance(one, Aasist) else None
            more: dict[str, Any] = {} if table is None else {"dimensions": table}
            words = [*common, *notes.get(one.name, [])]
            scores = ship.Scores(plain[one.name], handled[one.name], labels)
            found = ship.save_detector(root, one, scores, words, licences, more)
            if found is not None:
                calibrations[one.name] = found
        fused = ship.save_fusion(root, (plain, handled), calibrations, labels, sources)
        families = sorted({item.family for item in dev.items} - {"bonafide"})
        by_family = {
            family: {
                name: joint.eer(
                    [x for x, item in zip(values, dev.items, strict=True) if _in(item, family)],
                    [item.label for item in dev.items if _in(item, family)],
                )
                for name, values in plain.items()
            }
            for family in families
        }
        eers = {name: ship.dev_eer(values, labels)["value"] for name, values in plain.items()}
        return {"eer": eers, "fused": fused, "by_family": by_family}

    def handled(self, dev: Textures) -> NDArray[np.int16]:
        """Each dev clip once: a share of them unchanged, the others as files get handled."""
        unchanged = np.random.default_rng(self.plan.seed).random(len(dev.items)) < PLAIN
        heard: NDArray[np.int16] = np.where(unchanged[:, None], dev.waves[0], dev.waves[1])
        return heard

    def licences(self) -> str:
        """The licences of the training clips as the manifest states them, with their counts."""
        manifest = (self.data or Path()) / "manifest.csv"
        if not manifest.is_file():
            return "licences of the data: no manifest states them"
        with manifest.open(newline="", encoding="utf-8") as file:
            count = Counter(
                row.get("licence") or "not stated"
                for row in csv.DictReader(file)
                if row["split"] == "train"
            )
        listed = "; ".join(f"{name} ({n})" for name, n in count.most_common())
        return f"licences of the training clips as the manifest states them: {listed}"

    def _log(self, name: str) -> Path:
        return self.work / f"{name}.json"

    def _load(self, module: torch.nn.Module, name: str) -> bool:
        path = self.work / f"{name}-done.pt"
        if path.exists():
            module.load_state_dict(torch.load(path, weights_only=True))
        return path.exists()

    def _keep(self, module: torch.nn.Module, name: str) -> None:
        torch.save(module.state_dict(), self.work / f"{name}-done.pt")


def _in(item: Any, family: str) -> bool:
    return item.family in {"bonafide", family}


def write_figures(path: Path, figures: Mapping[str, Any]) -> None:
    """The figures on dev as JSON."""
    path.write_text(json.dumps(figures, indent=1) + "\n")
