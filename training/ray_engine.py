"""The same scoring on Ray Data: one machine or a cluster, the scores those of the local engine.

Ray's workers are long-lived and load the detectors once each; clips stream through them, so the
memory needed does not grow with the corpus. The folders of audio and checkpoints must be reachable
under the same names from every machine.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from core.detect import Settings
from training.scoring import Job, Row

BLOCK = 20_000  # clips named to Ray at a time; the workers load the detectors once for each
BATCH = 4  # clips a worker takes at a time


class Scorer:
    """What a worker holds: the loaded detectors and the fusion."""

    def __init__(self, checkpoints: list[str], settings: dict[str, Any]) -> None:
        import torch

        from core.fusing import installed_fusion
        from core.loading import select

        torch.set_num_threads(1)
        self.loaded = select((), checkpoints)
        self.settings = Settings(**settings)
        self.fusion = installed_fusion()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One clip -> its rows, as plain values."""
        from training.scoring import score_clip

        path = Path(row["path"]) if row["path"] else None
        rows = score_clip(path, self.loaded, self.settings, self.fusion)
        return {"number": row["number"], "rows": [asdict(one) for one in rows]}


def score_all(
    work: Iterable[Job], checkpoints: list[str], settings: Settings, workers: int = 0
) -> Iterator[tuple[Job, list[Row]]]:
    """Score clips on Ray, in the order of the list, each handed on as soon as it is its turn.

    Starts a local cluster where none is running (`workers` of one CPU each; 0 = all cores), and
    stops the one it started.
    """
    import ray

    started = not ray.is_initialized()
    if started:
        _start(ray, workers)
    try:
        stream = iter(work)
        while block := list(islice(stream, BLOCK)):
            yield from _block(ray, block, checkpoints, settings, workers)
    finally:
        if started:
            ray.shutdown()


def _block(
    ray: Any, block: list[Job], checkpoints: list[str], settings: Settings, workers: int
) -> Iterator[tuple[Job, list[Row]]]:
    count = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    count = min(count, len(block))
    rows = [
        {"number": number, "path": str(job.path.resolve()) if job.path else ""}
        for number, job in enumerate(block)
    ]
    data = ray.data.from_items(rows, override_num_blocks=max(len(rows) // BATCH, count)).map(
        Scorer,
        fn_constructor_kwargs={"checkpoints": checkpoints, "settings": settings.as_record()},
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=1,
    )
    waiting: dict[int, list[Row]] = {}
    following = 0
    for row in data.iter_rows():  # as they come; handed on in the order of the list
        waiting[int(row["number"])] = [Row(**one) for one in row["rows"]]
        while following in waiting:
            yield block[following], waiting.pop(following)
            following += 1


def _start(ray: Any, workers: int) -> None:
    """A local cluster without dashboard or usage reports."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        num_cpus=workers or None,
        include_dashboard=False,
        configure_logging=False,
        log_to_driver=False,
        _metrics_export_port=None,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
