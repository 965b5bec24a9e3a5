"""A program as a pipe, kept short: time, memory and output are limited, and it always ends."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

KEPT_LINES = 8  # of what it complains of; a damaged file can cause a million
LINE_BYTES = 400


class Child:
    """A running program: its output as it comes, its first complaints, its end."""

    def __init__(self, process: subprocess.Popen[bytes], hidden: str, timeout: float) -> None:
        self._process = process
        self._hidden = hidden
        self._lines: list[str] = []
        self.timed_out = False
        self._clock = threading.Timer(timeout, self._too_late)
        self._clock.daemon = True
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._clock.start()
        self._listener.start()

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes of output; fewer at its end."""
        return _pipe(self._process.stdout).read(count)

    def end(self) -> int:
        """Wait for the end and return the exit status; stopped by force if it goes on."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join(timeout=5)
        return status

    def complaints(self) -> list[str]:
        """What it wrote to stderr: the first lines, without the name of the file."""
        return [line.replace(self._hidden, "").strip(" :") for line in self._lines]

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._clock.cancel()
        self._process.kill()
        self._process.wait()
        self._listener.join(timeout=5)
        _pipe(self._process.stdout).close()
        _pipe(self._process.stderr).close()

    def _too_late(self) -> None:
        self.timed_out = True
        self._process.kill()

    def _listen(self) -> None:
        errors = _pipe(self._process.stderr)
        while line := errors.readline(LINE_BYTES):
            if len(self._lines) < KEPT_LINES:
                self._lines.append(line.decode("utf-8", "replace").strip())


@contextmanager
def running(
    command: Sequence[str], timeout: float, memory: int, hidden: str = ""
) -> Iterator[Child]:
    """Start `command` (no shell, no input) and end it when the block is left.

    Parameters
    ----------
    timeout : seconds until it is killed.
    memory : bytes of address space it may have, where the system can limit that.
    hidden : a text to leave out of its complaints.
    """
    process = subprocess.Popen(  # noqa: S603 (an argument list, no shell)
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=-1,
    )
    child = Child(process, hidden, timeout)
    try:
        _limit(process.pid, memory)
        yield child
    finally:
        child.close()


def _limit(pid: int, memory: int) -> None:
    if sys.platform != "linux":
        return
    import resource

    try:
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))  # it writes to the pipe only
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except (ProcessLookupError, PermissionError):
        return  # it has ended already, or the system does not let us


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("started without a pipe")
    return pipe
