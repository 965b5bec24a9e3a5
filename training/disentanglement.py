"""Which latent dimension knows which attack: nMI, modularity and completeness.

After the Sparse AASIST (TopK) paper: the importance of dimension d for attack a is their normalised
mutual information; modularity (Ridgeway & Mozer 2018) says whether a dimension serves one attack
only, completeness (Eastwood & Williams 2018) whether an attack is carried by one dimension. The
paper's formulas could not be read in full; what is assumed stands in the functions' docstrings.

Letters: n clips, D dimensions, A attacks; M (D, A) is the importance matrix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.curve import Floats, Ints, eer_official, scores
from training.errors import TrainingError

Norm = Literal["sqrt", "factor", "arithmetic"]
BINS = 20
EER_LIMIT = 0.2
PERMUTATIONS = 5
BONAFIDE = "bonafide"


def discretise(values: NDArray[np.floating], bins: int = BINS) -> NDArray[np.int64]:
    """Bin numbers of one dimension: 0 for exact zeros, then equal-frequency bins of the rest.

    A value that is frequent enough to fill several bins fills one; empty bins never occur as
    numbers of their own in what follows, because they hold nothing.

    Parameters
    ----------
    values : (n,), finite.
    """
    codes = np.zeros(values.shape, dtype=np.int64)
    active = values != 0
    there = values[active]
    if there.size:
        ordered = np.sort(there)
        edges = np.unique(ordered[(np.arange(1, bins) * there.size) // bins])
        codes[active] = 1 + np.searchsorted(edges, there, side="right")
    return codes


def _plogp(p: Floats) -> Floats:
    return p * np.log(p, out=np.zeros_like(p), where=p > 0)


def nmi_of_counts(counts: Floats, norm: Norm = "sqrt") -> Floats:
    """The nMI between the bins and the indicator of each attack.

    Parameters
    ----------
    counts : (bins, A), clips of each attack in each bin.
    norm : what I is divided by: sqrt(H(z) H(a)), H(a) ("factor"), or (H(z) + H(a)) / 2.

    Returns
    -------
    (A,), in [0, 1]; 0 where one of the two is constant.
    """
    total = counts.sum()
    inside = counts / total  # p(bin, attack)
    p_bin = inside.sum(axis=1)
    p_attack = inside.sum(axis=0)
    h_bin = -_plogp(p_bin).sum()
    h_attack = -_plogp(p_attack) - _plogp(1 - p_attack)
    rest = np.maximum(p_bin[:, None] - inside, 0.0)
    information = (_plogp(inside) + _plogp(rest)).sum(axis=0) + h_bin + h_attack
    scale = {
        "sqrt": np.sqrt(h_bin * h_attack),
        "factor": h_attack,
        "arithmetic": (h_bin + h_attack) / 2,
    }[norm]
    constant = (h_bin <= 0) | (h_attack <= 0)
    scale = np.where(constant | (scale <= 0), 1.0, scale)
    # rounding leaves about 1e-16 where there is no information at all
    nmi = np.where(constant | (information < 1e-12), 0.0, information / scale)
    return np.clip(nmi, 0.0, 1.0)


def importance(
    values: NDArray[np.floating],
    attack: Ints,
    n_attacks: int,
    norm: Norm = "sqrt",
    permutations: int = 0,
    seed: int = 0,
) -> Floats:
    """The importance matrix M (D, A).

    The factor of attack a is binary: clips of a against the clips of all other kept attacks. With
    `permutations`, the mean nMI under that many shuffles of the attacks is taken off, which is the
    bias of the plug-in estimate, and what falls below 0 is set to 0.

    Parameters
    ----------
    values : (n, D).
    attack : (n,), numbers from 0 to A - 1.
    """
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(attack) for _ in range(permutations)]
    matrix = np.zeros((values.shape[1], n_attacks))
    for d in range(values.shape[1]):
        codes = discretise(values[:, d]) * n_attacks
        size = (int(codes.max()) // n_attacks + 1) * n_attacks
        tables = (
            np.bincount(codes + labels, minlength=size).reshape(-1, n_attacks)
            for labels in (attack, *shuffled)
        )
        nmi, *chance = (nmi_of_counts(table.astype(np.float64), norm) for table in tables)
        matrix[d] = np.maximum(nmi - np.mean(chance, axis=0), 0.0) if chance else nmi
    return matrix


def modularity(matrix: Floats) -> Floats:
    """Modularity of each dimension (D,); NaN for a dead one (no attack has nMI > 0).

    1 - sum_a (M - template)^2 / (theta^2 (A - 1)), theta the greatest entry and the template theta
    there and 0 elsewhere: 1 where a single attack has nMI > 0, 0 where all have the same.
    """
    attacks = matrix.shape[1]
    if attacks < 2:
        raise TrainingError(f"Modularity needs at least two attacks; there is {attacks}.")
    theta = matrix.max(axis=1)
    live = theta > 0
    off_template = (matrix**2).sum(axis=1) - theta**2
    delta = off_template / (np.where(live, theta, 1.0) ** 2 * (attacks - 1))
    return np.where(live, np.clip(1 - delta, 0.0, 1.0), np.nan)


def completeness(matrix: Floats) -> Floats:
    """Completeness of each attack (A,); NaN for an attack that no dimension knows.

    1 - H(p) / log D with p the attack's column divided by its sum: 1 where one dimension carries
    the attack, 0 where all D carry it alike.
    """
    dimensions = matrix.shape[0]
    if dimensions < 2:
        raise TrainingError(f"Completeness needs at least two dimensions; there is {dimensions}.")
    mass = matrix.sum(axis=0)
    share = matrix / np.where(mass > 0, mass, 1.0)
    entropy = -_plogp(share).sum(axis=0)
    return np.where(mass > 0, np.clip(1 - entropy / np.log(dimensions), 0.0, 1.0), np.nan)


@dataclass(frozen=True)
class Disentanglement:
    """What was found.

    Attributes
    ----------
    attacks : names of the kept attacks, the columns of `matrix`.
    excluded : attack -> its EER, of those above the limit.
    matrix : (D, A) nMI.
    modularity : (D,), NaN for dead dimensions.
    completeness : (A,), NaN for attacks that no dimension knows.
    """

    attacks: tuple[str, ...]
    excluded: Mapping[str, float]
    matrix: Floats
    modularity: Floats
    completeness: Floats
    n_clips: int

    @property
    def dead(self) -> int:
        """Dimensions that no attack depends on."""
        return int(np.isnan(self.modularity).sum())

    def table(self) -> list[dict[str, int | float | str]]:
        """Each live dimension's strongest attack; what the TopK panel shows."""
        best = self.matrix.argmax(axis=1)
        return [
            {
                "dim": d,
                "attack": self.attacks[best[d]],
                "nmi": float(self.matrix[d, best[d]]),
                "modularity": float(self.modularity[d]),
            }
            for d in range(len(self.matrix))
            if not np.isnan(self.modularity[d])
        ]

    def to_json(self) -> dict[str, object]:
        """JSON values; `dimensions` is what a checkpoint's card keeps."""
        mass = self.matrix.sum(axis=0)
        known = ~np.isnan(self.completeness)
        weighted = (
            float(np.average(self.completeness[known], weights=mass[known])) if any(known) else None
        )
        return {
            "n_clips": self.n_clips,
            "attacks": list(self.attacks),
            "excluded": dict(self.excluded),
            "dead_dimensions": self.dead,
            "modularity": _mean(self.modularity),
            "completeness": _mean(self.completeness),
            "completeness_weighted": weighted,
            "completeness_per_attack": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(self.attacks, self.completeness, strict=True)
            },
            "unknown_attacks": [a for a, k in zip(self.attacks, known, strict=True) if not k],
            "dimensions": self.table(),
            "nmi": self.matrix.tolist(),
        }


def _mean(values: Floats) -> float | None:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else None


def hard_attacks(
    attack: Sequence[str], spoof_logit: Floats, limit: float = EER_LIMIT
) -> dict[str, float]:
    """Attacks whose EER against all bona fide clips is above the limit, with that EER."""
    names = np.asarray(attack)
    bonafide = -spoof_logit[names == BONAFIDE]
    rates = {
        str(name): eer_official(scores(bonafide, -spoof_logit[names == name])).value
        for name in sorted(set(names.tolist()) - {BONAFIDE})
    }
    return {name: rate for name, rate in rates.items() if rate > limit}


def analyse(
    values: NDArray[np.floating],
    attack: Sequence[str],
    *,
    exclude: Mapping[str, float] | None = None,
    with_bonafide: bool = False,
    norm: Norm = "sqrt",
    permutations: int = 0,
) -> Disentanglement:
    """nMI, modularity and completeness of embeddings.

    Parameters
    ----------
    values : (n, D) embeddings (for TopK the sparse vector), finite.
    attack : (n,) names; `bonafide` for bona fide clips.
    exclude : attacks to leave out, with their EER (see `hard_attacks`).
    with_bonafide : whether bona fide counts as one more factor.
    permutations : shuffles for the bias correction; 0 = none.
    """
    names = np.asarray(attack)
    if values.ndim != 2 or names.shape != values.shape[:1]:
        raise TrainingError(
            f"The embeddings have the shape {values.shape} and there are {names.size} attack "
            "names; expected (clips, dimensions) and one name a clip."
        )
    if not np.isfinite(values).all():
        raise TrainingError("The embeddings hold NaN or infinite values.")
    left_out = dict(exclude or {})
    dropped = set(left_out) | (set() if with_bonafide else {BONAFIDE})
    kept = sorted(set(names.tolist()) - dropped)
    if len(kept) < 2:
        raise TrainingError(
            f"{len(kept)} attacks are left ({', '.join(kept) or 'none'}; excluded: "
            f"{', '.join(sorted(left_out)) or 'none'}); at least two are needed."
        )
    chosen = np.isin(names, kept)
    numbers = np.searchsorted(np.array(kept), names[chosen])
    matrix = importance(values[chosen], numbers, len(kept), norm, permutations)
    return Disentanglement(
        tuple(kept),
        left_out,
        matrix,
        modularity(matrix),
        completeness(matrix),
        int(chosen.sum()),
    )
