"""The same work in one process, in several, or on a Ray cluster: an ordered map.

Every call runs on one thread wherever it runs, so that a result does not depend on where it was made; only machines
with another instruction set round otherwise.
"""

from __future__ import annotations

import copy
import importlib
import multiprocessing
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeVar

import torch

from lstmkit.errors import InputError
from lstmkit.ranges import whole

X = TypeVar("X")
Y = TypeVar("Y")
AHEAD = 2
"""Items handed out for each worker at a time: one to work on, and one to go on with."""
SECONDS_TO_CONNECT = 10


def run(
    function: Callable[[X], Y], items: Iterable[X], address: str | None = None, jobs: int = 1
) -> Generator[Y, None, None]:
    """Call a function for every item, and yield the results in the order of the items.

    function  like the items and the results, it must be possible to pickle it
    items     taken one by one: the next when there is work for it, and always after the same number of results
    address   of a Ray cluster, such as "127.0.0.1:6379"; None works on this machine
    jobs      processes on this machine; one is this process itself
    Raises    InputError of the function; InputError if jobs is below one, or there is no cluster
    """
    whole("jobs", jobs)
    if address is None and jobs == 1:
        with one_thread():
            for item in items:
                yield function(item)
        return
    with _processes(function, jobs) if address is None else _cluster(function, address) as workers:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(workers.begin(item))
            if len(waiting) >= AHEAD * workers.count:
                yield workers.finish(waiting.popleft())
        while waiting:
            yield workers.finish(waiting.popleft())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread; its own number is restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Workers(Protocol):
    """Somebody who works on items; `count` of them at a time."""

    count: int

    def begin(self, item: Any) -> Any:
        """Take an item; return what its result can be asked with."""

    def finish(self, begun: Any) -> Any:
        """Wait for a result."""


def _attempt(function: Callable[[Any], Any], item: Any) -> tuple[bool, Any]:
    """Return whether the function could use the item, and its result or the message of its InputError."""
    torch.set_num_threads(1)
    try:
        return True, function(item)
    except InputError as error:
        return False, str(error)


def _result(outcome: tuple[bool, Any]) -> Any:
    well, value = outcome
    if not well:
        raise InputError(value)
    return value


class _Processes:
    """Processes of this machine, each at the other end of a pipe."""

    def __init__(self, function: Callable[[Any], Any], count: int) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child would inherit threads that do not run in it
        self.count = count
        self._queue: deque[tuple[int, Any]] = deque()
        self._busy: dict[Connection, int] = {}
        self._results: dict[int, tuple[bool, Any]] = {}
        self._begun = 0
        pipes = [context.Pipe() for _ in range(count)]
        self._idle: list[Connection] = [own for own, _ in pipes]
        self._children = [context.Process(target=_serve, args=(function, other), daemon=True) for _, other in pipes]
        for child in self._children:
            child.start()
        for _, other in pipes:
            other.close()  # so that the end of a child is the end of its pipe

    def begin(self, item: Any) -> int:
        self._begun += 1
        self._queue.append((self._begun, item))
        self._hand_out()
        return self._begun

    def finish(self, begun: int) -> Any:
        while begun not in self._results:
            for ready in wait(list(self._busy)):
                assert isinstance(ready, Connection)
                number = self._busy.pop(ready)
                try:
                    self._results[number] = ready.recv()
                except EOFError:
                    raise RuntimeError("a worker process ended; its last words, if any, are above") from None
                self._idle.append(ready)
            self._hand_out()
        return _result(self._results.pop(begun))

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.join()

    def _hand_out(self) -> None:
        while self._idle and self._queue:
            connection = self._idle.pop()
            number, item = self._queue.popleft()
            connection.send(item)
            self._busy[connection] = number


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """Work on what comes through a pipe until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked, which ends this one
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(_attempt(function, item))


@contextmanager
def _processes(function: Callable[[Any], Any], jobs: int) -> Iterator[_Workers]:
    workers = _Processes(function, jobs)
    try:
        yield workers
    finally:
        workers.stop()


class _Ray:
    """The processors of a Ray cluster."""

    def __init__(self, ray: Any, function: Callable[[Any], Any]) -> None:
        self._ray = ray
        self.count = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._function = ray.put(function)
        self._remote = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_attempt_on_node)
        self._under_way: list[Any] = []

    def begin(self, item: Any) -> Any:
        self._under_way.append(self._remote.remote(self._function, item))
        return self._under_way[-1]

    def finish(self, begun: Any) -> Any:
        # Ray's arrays lie in shared memory and cannot be written to, unlike those of a result made here.
        try:
            outcome = copy.deepcopy(self._ray.get(begun))
        except self._ray.exceptions.RaySystemError as error:
            if "No module named" not in str(error):
                raise
            raise InputError("ray: a machine of the cluster lacks lstmkit; install the same version on all") from error
        self._under_way.remove(begun)
        return _result(outcome)

    def stop(self) -> None:
        """Give up what is under way."""
        for begun in self._under_way:
            self._ray.cancel(begun, force=True)


def _attempt_on_node(function: Callable[[Any], Any], item: Any) -> tuple[bool, Any]:
    return _attempt(copy.deepcopy(function), copy.deepcopy(item))


@contextmanager
def _cluster(function: Callable[[Any], Any], address: str) -> Iterator[_Workers]:
    """Connect to a Ray cluster, and leave it again; a connection that was there before is used and kept."""
    ray = _ray()
    own = not ray.is_initialized()
    if own:
        _check_reachable(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(f"ray: no cluster answers at {address!r} ({reason}); see ray status") from error
    workers = _Ray(ray, function)
    try:
        yield workers
    finally:
        workers.stop()
        if own:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise InputError if nobody listens at an address with a port: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"ray: no cluster answers at {address!r} ({error}); see ray status") from error


def _ray() -> Any:
    """Import Ray when it is first needed: it is large, and most never need it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise InputError("a Ray cluster needs the extra ray: pip install 'lstmkit[ray]'") from error
