"""The trials of a tuning, in an SQLite file: what has been tried, what came of it, and what to try next."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable
from lstmkit.errors import InputError
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.tuning.search import Between, Space, contexts, search_space
from lstmkit.training.checkpoint import made_with
from lstmkit.training.schema import Positive, checked, shown

ALIKE = 4
"""Trials of the same model and context that must have ended before another one is given up."""

RANDOM_TRIALS = 8
"""Trials of a model that are drawn at random before their scores guide the draw."""

SECONDS_FOR_A_LOCK = 10
SECONDS_TO_CHECK = 5
"""For a look at a whole file of trials, which is a matter of milliseconds unless somebody made it so."""
STEPS = 100_000
"""Instructions of SQLite between two looks at the clock."""


@dataclass(frozen=True)
class Question:
    """What is asked: which settings forecast the last part of the training rows best?

    forecasters  unfitted, one of each model; their settings are tried first, and what is tried lies around them
    table        the training rows, and nothing later
    fit_rows     (S,) rows of each series that a trial learns from, early stopping included; the rest score it
    fixed        names of settings that are not tried; "context" may be among them
    """

    forecasters: tuple[Forecaster, ...]
    table: SeriesTable
    fit_rows: NDArray[np.int64]
    fixed: frozenset[str] = frozenset()

    def name(self) -> str:
        """Return a name that differs for other data, another question, or another version."""
        digest = hashlib.sha256()
        given = self.table.covariates
        arrays = (self.table.values, self.table.offsets, self.table.times, self.fit_rows)
        for array in (*arrays, given.seen, given.future, given.numbers, given.categories):
            digest.update(np.ascontiguousarray(array).tobytes())
        asked = [
            [{**f.get_params(), "settings": dataclasses.asdict(f.request().settings)} for f in self.forecasters],
            sorted(self.fixed),
            dataclasses.asdict(self.table.columns),
            [*made_with().values()],
        ]
        digest.update(json.dumps(asked, sort_keys=True, default=str).encode())
        return f"lstmkit-{digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    number    in the order of asking
    model     name
    context   None for the model's own choice
    settings  those that differ from the settings to begin from
    state     "complete", "pruned" or "refused"
    score     nan unless complete
    epochs    of the training
    seconds   of fitting and scoring
    default   whether it is the settings to begin from
    remark    why it was refused
    """

    number: int
    model: str
    context: int | None
    settings: dict[str, Any]
    state: str
    score: float
    epochs: int
    seconds: float
    default: bool
    remark: str


@dataclass(frozen=True)
class StoredChoice:
    """What a trial tries; see `Study.ask`."""

    model: str
    context: Positive | None
    settings: dict[str, Any]
    default: bool


@dataclass(frozen=True)
class StoredOutcome:
    """What came of a trial; see `Study.tell`."""

    state: Literal["complete", "pruned", "refused"]
    score: float | None
    seconds: float
    remark: str


@dataclass(frozen=True)
class StoredTrial:
    """What the storage holds of a trial that has ended, its types checked."""

    choice: StoredChoice
    outcome: StoredOutcome
    curve: tuple[float, ...]


class Study:
    """The trials of one question.

    storage  SQLite file; whatever is wrong with it, now or in a later call, is an InputError of one line
    Raises   InputError if the storage cannot be used, or Optuna is not installed
    """

    def __init__(self, storage: Path, question: Question) -> None:
        self.name = question.name()
        self._forecasters = {f.model: f for f in question.forecasters}
        self._seed = question.forecasters[0].seed
        learnt_from = question.table.head(question.fit_rows)
        self._spaces = {f.model: _space(f, learnt_from, question.fixed) for f in question.forecasters}
        self._optuna = _optuna()
        self._storage = storage
        self._asked: dict[int, tuple[Any, str]] = {}
        self._ended: list[tuple[Trial, list[float]]] = []
        with self._readable():
            self._study = self._open(storage)
            for trial in self._study.get_trials(deepcopy=False):
                if "outcome" in trial.user_attrs:
                    self._ended.append(self._from_attributes(trial.number, trial.user_attrs))
                elif trial.state == self._optuna.trial.TrialState.RUNNING:  # its process was killed
                    self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)

    def trials(self) -> tuple[Trial, ...]:
        """Return the trials that have ended, those of earlier runs included."""
        return tuple(sorted((trial for trial, _ in self._ended), key=lambda t: t.number))

    @property
    def under_way(self) -> int:
        """How many trials have been asked for and not told yet."""
        return len(self._asked)

    @property
    def begun(self) -> bool:
        """Whether the settings to begin from, of the first model, have ended or are under way."""
        return self._has_begun(next(iter(self._forecasters)))

    def ask(self, parallel: bool = False) -> tuple[int, Forecaster, list[list[float]]]:
        """Begin a trial: of the model with the fewest, and for each model first of the settings to begin from.

        parallel  whether others are under way, whose neighbourhood is then avoided
        Returns   its number, a forecaster to fit, and the curves of trials that it can be compared with
        """
        counts = dict.fromkeys(self._forecasters, 0)
        for model in [t.model for t, _ in self._ended] + [model for _, model in self._asked.values()]:
            counts[model] += 1
        model = min(counts, key=lambda m: counts[m])
        default = not self._has_begun(model)
        begin_from = self._forecasters[model]
        with self._readable():
            self._study.sampler = self._sampler(self._seed * 1_000_003 + sum(counts.values()), model, parallel)
            if default:
                self._study.enqueue_trial(self._own_values(model))
            asked = self._study.ask()
            changes = _suggest(asked, model, self._spaces[model])
        if default:
            changes = {}
        context = changes.pop("context", None)
        own = dataclasses.asdict(begin_from.request().settings)
        changes = {name: value for name, value in changes.items() if value != own[name]}
        with self._readable():
            asked.set_user_attr("choice", {"model": model, "context": context, "settings": changes, "default": default})
        self._asked[asked.number] = (asked, model)
        alike = [curve for t, curve in self._ended if (t.model, t.context) == (model, context) and curve]
        return asked.number, self._changed(model, context, changes), alike

    def tell(self, number: int, outcome: dict[str, Any]) -> Trial | None:
        """End a trial; None if it was late, and so does not count.

        outcome  the fields of `tune.Outcome`
        """
        asked, _ = self._asked.pop(number)
        states = self._optuna.trial.TrialState
        with self._readable():
            if outcome["state"] == "late":
                self._study.tell(asked, state=states.FAIL)
                return None
            kept = {k: v for k, v in outcome.items() if k not in ("number", "score", "curve")}
            kept["score"] = outcome["score"] if outcome["state"] == "complete" else None
            asked.set_user_attr("curve", list(outcome["curve"]))
            asked.set_user_attr("outcome", kept)
            if outcome["state"] == "complete":
                self._study.tell(asked, outcome["score"])
            else:
                self._study.tell(asked, state=states.PRUNED if outcome["state"] == "pruned" else states.FAIL)
            self._ended.append(self._from_attributes(number, self._study.trials[number].user_attrs))
            return self._ended[-1][0]

    def give_up(self) -> None:
        """Drop the trials that are under way."""
        under_way, self._asked = self._asked, {}
        with self._readable():
            for asked, _ in under_way.values():
                self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)

    def forecaster(self, trial: Trial) -> Forecaster:
        """Return an unfitted forecaster with the settings of a trial."""
        return self._changed(trial.model, trial.context, trial.settings)

    def _sampler(self, seed: int, model: str, parallel: bool) -> Any:
        """Return what draws one trial: after an interruption the same trials are drawn as without it."""
        samplers = self._optuna.samplers
        if sum(t.model == model for t, _ in self._ended) < RANDOM_TRIALS:  # of one trial, TPE would draw copies
            return samplers.RandomSampler(seed=seed)
        return samplers.TPESampler(seed=seed, n_startup_trials=1, constant_liar=parallel)

    def _has_begun(self, model: str) -> bool:
        ended = any(t.default and t.model == model for t, _ in self._ended)
        return ended or any(own == model for _, own in self._asked.values())

    def _changed(self, model: str, context: int | None, changes: dict[str, Any]) -> Forecaster:
        begin_from = self._forecasters[model]
        settings = dataclasses.replace(begin_from.request().settings, **changes)
        given = begin_from.get_params() | {"settings": settings, "cell": None}
        return Forecaster(**given | ({} if context is None else {"context": context}))

    def _own_values(self, model: str) -> dict[str, Any]:
        own = dataclasses.asdict(self._forecasters[model].request().settings)
        return {f"{model}.{name}": own.get(name) for name in self._spaces[model]}

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn whatever SQLite and Optuna say of a file that is not as they wrote it into one line."""
        sqlalchemy = importlib.import_module("sqlalchemy.exc")
        optuna = self._optuna.exceptions
        try:
            with _uninterrupted():
                yield
        except InputError:
            raise
        except (sqlalchemy.SQLAlchemyError, optuna.OptunaError, sqlite3.Error) as error:
            cause = error.__cause__ or error
            raise InputError(_unusable(self._storage, getattr(cause, "orig", cause))) from error
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError) as error:
            raise InputError(_unusable(self._storage, error)) from error

    def _from_attributes(self, number: int, attributes: dict[str, Any]) -> tuple[Trial, list[float]]:
        """Return a trial and its curve from what the storage holds.

        Raises  InputError if it is no trial of this question
        """
        try:
            stored = checked({**attributes}, StoredTrial)
            choice, outcome = stored.choice, stored.outcome
            if choice.model not in self._forecasters or (outcome.state == "complete") != (outcome.score is not None):
                raise InputError(f"{choice.model} {outcome.state}")
            self._changed(choice.model, choice.context, choice.settings)
        except InputError as error:
            raise InputError(_unusable(self._storage, f"trial {number}: {error}")) from error
        trial = Trial(
            number=number,
            model=choice.model,
            context=choice.context,
            settings=choice.settings,
            state=outcome.state,
            score=float("nan") if outcome.score is None else outcome.score,
            epochs=max(0, len(stored.curve) - 1),
            seconds=outcome.seconds,
            default=choice.default,
            remark=outcome.remark,
        )
        return trial, list(stored.curve)

    def _open(self, storage: Path) -> Any:
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        try:
            storage.parent.mkdir(parents=True, exist_ok=True)
            with storage.open("ab+") as file:
                file.seek(0)
                head = file.read(16)
        except OSError as error:
            raise InputError(f"{storage}: cannot be written to ({error.strerror}); choose another --storage") from error
        if head and not head.startswith(b"SQLite format 3"):
            raise InputError(f"{storage}: is not a file of trials; choose another --storage")
        if head:
            _check_whole(storage)
        options = {"connect_args": {"timeout": SECONDS_FOR_A_LOCK}}
        rdb = self._optuna.storages.RDBStorage(f"sqlite:///{storage.resolve()}", engine_kwargs=options)
        return self._optuna.create_study(storage=rdb, study_name=self.name, load_if_exists=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the end of a block: in the middle of a transaction it would leave the file locked."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


def _space(forecaster: Forecaster, table: SeriesTable, fixed: Collection[str]) -> Space:
    request = forecaster.request()
    space = search_space(forecaster.model, request.settings, fixed)
    if forecaster.context is None and "context" not in fixed:
        space["context"] = contexts(request, table)
    return space


def _suggest(asked: Any, model: str, space: Space) -> dict[str, Any]:
    """Draw a value of everything that is tried."""
    found: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, Between):
            found[name] = float(f"{asked.suggest_float(f'{model}.{name}', values.low, values.high, log=True):.2g}")
        else:
            found[name] = asked.suggest_categorical(f"{model}.{name}", values)
    return found


def _check_whole(storage: Path) -> None:
    """Look at a whole file of trials before anything in it is used.

    Raises  InputError if it is damaged, or another program holds it
    """
    ends = time.monotonic() + SECONDS_TO_CHECK
    try:
        address = f"{storage.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, SECONDS_FOR_A_LOCK, uri=True)) as database:
            database.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
            found = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise InputError(_unusable(storage, error)) from error
    if found != ("ok",):
        raise InputError(_unusable(storage, found[0] if found else "empty"))


def _unusable(storage: Path, what: object) -> str:
    line = " ".join(str(what).split())
    if "locked" in line:
        return f"{storage}: another program holds the trials ({line}); wait for it, or choose another --storage"
    if "disk is full" in line or "disk I/O" in line or "readonly" in line:
        return f"{storage}: cannot be written to ({line}); make room, or choose another --storage"
    return f"{storage}: the trials in it cannot be used ({shown(line)}); delete it, or choose another --storage"


def _optuna() -> Any:
    """Import Optuna when it is first needed."""
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise InputError("lstm tune needs the extra tune: pip install 'lstmkit[tune]'") from error
