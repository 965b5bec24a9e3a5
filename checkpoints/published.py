"""Published checkpoints: where they are, what their bytes must hash to, and what is known of them.

A record whose hash is None has never been seen by this project's authors. It is downloaded all the
same when asked for, its hash is computed and recorded in the card, and the card says that there
was nothing to compare it with.
"""

from dataclasses import dataclass
from typing import Any

AASIST_REPO = "https://github.com/clovaai/aasist"
AASIST_COMMIT = "a04c9863f63d44471dde8a6abcb3b082b07cd1d1"

SLS_REPO = "sukhdeveyash/XLS-R-SLS-Deepfake-Detection"
UNMEASURED = "The error rates are those its makers publish; they were not measured here."


@dataclass(frozen=True, slots=True)
class Published:
    """One file that somebody published."""

    id: str
    detector: str
    url: str
    sha256: str | None  # of the file as published; None = not known
    bytes: int | None  # None = not known; then `most_bytes` is the limit
    licence: str
    provenance: dict[str, str | None]
    trained_on: tuple[str, ...]
    measured: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    most_bytes: int = 2 << 30


def _aasist(id_: str, file: str, sha256: str, size: int, eer: float) -> Published:
    return Published(
        id=id_,
        detector="aasist",
        url=f"https://raw.githubusercontent.com/clovaai/aasist/{AASIST_COMMIT}/models/weights/{file}",
        sha256=sha256,
        bytes=size,
        licence="MIT",
        provenance={
            "source": f"clovaai/aasist, models/weights/{file}",
            "url": AASIST_REPO,
            "commit": AASIST_COMMIT,
            "made_by": "the authors of AASIST",
        },
        trained_on=("ASVspoof 2019 LA train",),
        measured=(_eer("ASVspoof 2019 LA eval", eer, 71_237),),
        notes=(UNMEASURED,),
    )


def _sls(id_: str, file: str, eer: dict[str, float]) -> Published:
    return Published(
        id=id_,
        detector="sls",
        url=f"https://huggingface.co/{SLS_REPO}/resolve/main/{file}",
        sha256=None,
        bytes=None,
        licence="unknown",
        provenance={
            "source": f"{SLS_REPO}, {file}",
            "url": f"https://huggingface.co/{SLS_REPO}",
            "commit": None,
            "made_by": "the authors of that reproduction",
        },
        trained_on=("ASVspoof 2019 LA train",),
        measured=tuple(_eer(name, value, None) for name, value in eer.items()),
        notes=(UNMEASURED, "A reproduction, not the weights of the paper's authors."),
    )


def _eer(name: str, value: float, n: int | None) -> dict[str, Any]:
    unknown = dict.fromkeys(("low", "high", "command"))
    return {"set": name, "metric": "EER", "value": value, "n": n, **unknown}


PUBLISHED: dict[str, Published] = {
    one.id: one
    for one in (
        _aasist(
            "aasist",
            "AASIST.pth",
            "51d2d9cf0738172f61e2a384ec50a54a55363240f67c971ed55a92435bc1a1c0",
            1_281_532,
            0.0083,
        ),
        _aasist(
            "aasist-l",
            "AASIST-L.pth",
            "814331d088032bb4c3fa61cc014789eadeed464209dd094ab3a2dd6ffbdce27a",
            426_428,
            0.0099,
        ),
        _sls(
            "sls-v1",
            "v1/epoch_2.pth",
            {"ASVspoof 2021 DF": 0.0214, "ASVspoof 2021 LA": 0.0351, "In-the-Wild": 0.0784},
        ),
        _sls(
            "sls-v2",
            "v2/epoch_16.pth",
            {"ASVspoof 2021 DF": 0.0375, "ASVspoof 2021 LA": 0.0347, "In-the-Wild": 0.1267},
        ),
    )
}


def by_hash(sha256: str) -> Published | None:
    """The record of a file with that hash, where it is a published one."""
    return next((one for one in PUBLISHED.values() if one.sha256 == sha256), None)
