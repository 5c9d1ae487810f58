"""The one runner of jobs, from files to a folder of results: read, fit, score, write, whatever the task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from torch import nn

from lstmkit.errors import InputError
from lstmkit.results.folder import CHECKPOINT, check_folder, file_of_one_job, job_folder
from lstmkit.results.summary import SUMMARY, Clock, shared_fields, without_nan, write_json
from lstmkit.results.watcher import Nobody, Watcher
from lstmkit.training import is_first


class Finding(Protocol):
    """What a job found; its summary is what the last file of the folder holds."""

    @property
    def summary(self) -> dict[str, Any]:
        """JSON-able data."""


Read = TypeVar("Read")
Fitted = TypeVar("Fitted")
Found = TypeVar("Found", bound=Finding)


class Run:
    """A job under way.

    watcher     who is told of it
    checkpoint  file that keeps a training, so that it can go on
    """

    def __init__(self, watcher: Watcher, checkpoint: Path) -> None:
        self.watcher, self.checkpoint = watcher, checkpoint
        self._clock = Clock()

    def begin(self, stage: str, epochs: int = 0) -> None:
        """Begin a stage, which takes so many epochs at most if it trains."""
        self._clock.begin(stage)
        self.watcher.on_stage(stage, epochs)

    def seconds(self) -> float:
        """Return the seconds since the job began."""
        return self._clock.seconds()["total"]

    def summary(
        self,
        own: Mapping[str, Any],
        settings: Mapping[str, Any],
        network: nn.Module,
        seed: int,
        lengths: Sequence[int] | None = None,
    ) -> dict[str, Any]:
        """Return what a task has for `summary.json`, and after it what every task has.

        network, lengths  as in `backends`
        """
        found: dict[str, Any] = without_nan({**own, **shared_fields(self._clock, settings, network, seed, lengths)})
        return found


class Job(ABC, Generic[Read, Fitted, Found]):
    """What a command was asked to do: a task extends it by a frozen dataclass, and says what `run_job` cannot know.

    out           folder for the results
    force         replace results that are in `out`
    resume        continue an interrupted job in `out`
    results       names of what stands in `out` at the end, and is not replaced unasked
    summary_file  the one written last, which holds the summary
    """

    out: Path
    force: bool
    resume: bool
    results: ClassVar[tuple[str, ...]]
    summary_file: ClassVar[str] = SUMMARY

    @property
    def replaces(self) -> bool:
        """Whether a model folder in `out` is replaced."""
        return self.force or self.resume

    def held_files(self) -> Sequence[tuple[Path, str]]:
        """Return files elsewhere that one job at a time may hold, each with the option that names it."""
        return ()

    @abstractmethod
    def read(self) -> Read:
        """Read and check all that was given; nothing in `out` is touched.

        Raises  InputError if it cannot be used
        """

    @abstractmethod
    def understood(self, read: Read) -> list[str]:
        """Return what was understood, then what was noticed, a line each."""

    @abstractmethod
    def fit(self, read: Read, run: Run) -> Fitted:
        """Train, in stages that this begins with how many epochs each takes at most."""

    @abstractmethod
    def score(self, read: Read, fitted: Fitted, run: Run) -> Found:
        """Judge what was trained, and return all that was found, `Run.summary` of it included."""

    @abstractmethod
    def write(self, found: Found) -> None:
        """Write every file of the results but the last, each complete or not at all."""


def run_job(job: Job[Read, Fitted, Found], watcher: Watcher | None = None) -> Found:
    """Do a whole job.

    watcher  who is told of it; of several processes of one job, only that of the first is
    Raises   InputError if something given cannot be used, before anything in `job.out` is touched; NothingToDo if the
             job to go on with is complete; KeyboardInterrupt leaves the checkpoint there, and the job can be resumed
    """
    check_folder(job.out, job.results, job.force, job.resume)
    run = Run(watcher if watcher is not None and is_first() else Nobody(), job.out / CHECKPOINT)
    read = job.read()
    with ExitStack() as held:
        held.enter_context(job_folder(job.out, job.results, job.force, job.resume))
        for path, option in job.held_files():
            held.enter_context(file_of_one_job(path, option))
        run.watcher.on_lines(job.understood(read))
        fitted = job.fit(read, run)
        if not is_first():  # of several processes that trained together, one scores and writes
            raise SystemExit(0)
        run.begin("score")
        found = job.score(read, fitted, run)
        run.begin("write")
        write_results(job, found)
        run.checkpoint.unlink(missing_ok=True)
        return found


def write_results(job: Job[Read, Fitted, Found], found: Found) -> None:
    """Write all that a job found, its summary last, as the sign that all is there.

    Raises  InputError if it cannot be written
    """
    try:
        job.write(found)
        write_json(job.out / job.summary_file, found.summary)
    except OSError as error:
        raise InputError(f"{job.out}: cannot be written to ({error.strerror})") from error
