"""Embeddings of a corpus: a trained detector's vector of each clip, with its attack and logit."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.types import AudioError
from training.corpora.audio import read_audio
from training.corpora.common import Trial
from training.curve import Floats
from training.disentanglement import BONAFIDE
from training.errors import TrainingError, fault

if TYPE_CHECKING:
    from core.detectors.base import Detector


@dataclass(frozen=True)
class Embeddings:
    """Vectors of clips.

    Attributes
    ----------
    utt_id : n ids.
    values : float32 (n, D).
    attack : n names, `bonafide` for bona fide clips.
    spoof_logit : float64 (n,), or None where it was not kept.
    failed : (utt_id, reason) of clips that could not be read.
    """

    utt_id: tuple[str, ...]
    values: NDArray[np.float32]
    attack: tuple[str, ...]
    spoof_logit: Floats | None = None
    failed: tuple[tuple[str, str], ...] = ()

    def save(self, file: Path) -> None:
        """Write as .npz with plain arrays."""
        logits = {} if self.spoof_logit is None else {"spoof_logit": self.spoof_logit}
        np.savez(
            file,
            utt_id=np.array(self.utt_id),
            values=self.values,
            attack=np.array(self.attack),
            allow_pickle=False,
            **logits,
        )


def read_embeddings(file: Path) -> Embeddings:
    """Read an .npz with `utt_id` (n), `values` (n, D), `attack` (n) and perhaps `spoof_logit` (n).

    Raises
    ------
    TrainingError
        No such file, an array missing, of the wrong shape or with NaN, or two rows with one id.
    """
    if not file.is_file():
        raise TrainingError(f"{file}: no such file; give an .npz with utt_id, values and attack.")
    try:
        with np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise fault(file, None, str(error), "an .npz of plain arrays") from error
    missing = {"utt_id", "values", "attack"} - arrays.keys()
    if missing:
        found_names = f"the arrays {', '.join(arrays)}"
        raise fault(file, None, found_names, f"also {', '.join(sorted(missing))}")
    values = np.asarray(arrays["values"], dtype=np.float32)
    ids = tuple(str(name) for name in arrays["utt_id"])
    logits = arrays.get("spoof_logit")
    rows = {"attack": arrays["attack"].shape, "values": values.shape[:1]}
    rows |= {} if logits is None else {"spoof_logit": logits.shape}
    for name, shape in rows.items():
        if shape != (len(ids),):
            raise fault(
                file, None, f"{name} of shape {shape}", f"one row for each of {len(ids)} ids"
            )
    if len(set(ids)) != len(ids):
        raise fault(file, None, "an id twice in utt_id", "one row an id")
    logits64 = None if logits is None else np.asarray(logits, dtype=np.float64)
    return Embeddings(ids, values, tuple(str(name) for name in arrays["attack"]), logits64)


def attack_of(trial: Trial) -> str:
    """The factor of a trial: its system, or `bonafide`."""
    return BONAFIDE if trial.label == "bonafide" else trial.system


def embed(
    detector: "Detector",
    clips: Sequence[tuple[Trial, Path]],
    key: str = "embedding",
    batch: int = 16,
) -> Embeddings:
    """Run a trained detector (in eval mode) over the head of each clip.

    Parameters
    ----------
    clips : labelled trials and their files.
    key : the entry of the trace that is kept, (batch, D).
    """
    import torch  # the rest of this file works on stored embeddings

    ids: list[str] = []
    attacks: list[str] = []
    values: list[NDArray[np.float32]] = []
    logits: list[NDArray[np.float32]] = []
    failed: list[tuple[str, str]] = []
    for trials, waves in _batches(clips, detector.spec.samples, batch, failed):
        with torch.inference_mode():
            out = detector(torch.from_numpy(waves))
        if key not in out.trace or out.trace[key].ndim != 2:
            vectors = sorted(name for name, x in out.trace.items() if x.ndim == 2)
            raise TrainingError(
                f"{detector.name} has no vector {key!r}; it has {', '.join(vectors)}."
            )
        values.append(out.trace[key].float().numpy())
        logits.append(out.spoof_logit.float().numpy())
        ids += [trial.utt_id for trial in trials]
        attacks += [attack_of(trial) for trial in trials]
    if not ids:
        raise TrainingError(f"None of {len(clips):,} clips could be read.")
    return Embeddings(
        tuple(ids),
        np.concatenate(values),
        tuple(attacks),
        np.concatenate(logits).astype(np.float64),
        tuple(failed),
    )


def _batches(
    clips: Sequence[tuple[Trial, Path]], samples: int, batch: int, failed: list[tuple[str, str]]
) -> Iterator[tuple[list[Trial], NDArray[np.float32]]]:
    """Trials with their waves (batch, samples), cut or repeated; what cannot be read is noted."""
    trials: list[Trial] = []
    waves: list[NDArray[np.float32]] = []
    for trial, path in clips:
        try:
            wave = read_audio(path)
        except AudioError as error:
            failed.append((trial.utt_id, str(error)))
            continue
        trials.append(trial)
        waves.append(np.resize(wave, samples))  # numpy's resize repeats
        if len(waves) == batch:
            yield trials, np.stack(waves)
            trials, waves = [], []
    if waves:
        yield trials, np.stack(waves)
