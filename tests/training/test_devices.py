"""Several processes end where one does, to rounding; and without `devices` nothing of them is there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import many_processes
import pytest
import torch
from safetensors.torch import load_file

from lstmkit.errors import InputError
from lstmkit.recurrence.processor import lower_precision_refusal
from lstmkit.training import Devices, Snapshots, is_first

SCRIPT = many_processes.__file__
PATIENCE = 200.0


class Ended(NamedTuple):
    """What each of two processes ended with."""

    weights: list[dict[str, torch.Tensor]]
    facts: list[dict[str, Any]]

    def of(self, rank: int, name: str) -> dict[str, torch.Tensor]:
        """Return the weights of one training in one process."""
        return {k.removeprefix(f"{name}."): v for k, v in self.weights[rank].items() if k.startswith(f"{name}.")}


def _free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def _commands(how: str, folder: Path) -> list[list[str]]:
    """Return what to start for two processes: by Fabric itself, by torchrun, by torchrun on two "machines"."""
    if how == "fabric":
        return [[sys.executable, SCRIPT, str(folder), "2", "1"]]
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    if how == "torchrun":
        return [[*torchrun, "--standalone", "--nproc-per-node", "2", SCRIPT, str(folder), "2", "1"]]
    where = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(_free_port())]
    return [[*torchrun, *where, "--node-rank", str(rank), SCRIPT, str(folder), "1", "2"] for rank in range(2)]


def _run(how: str, folder: Path) -> Ended:
    """Run every training in two processes."""
    for _ in range(3):  # between asking for a free port and using it, another process may take it
        codes, said = _outcome(_commands(how, folder), folder)
        if "EADDRINUSE" not in said:
            break
    assert codes == [0] * len(codes), said
    return Ended(
        [load_file(folder / f"{rank}.safetensors") for rank in range(2)],
        [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)],
    )


def _outcome(commands: list[list[str]], folder: Path) -> tuple[list[int | None], str]:
    """Return how commands that work together ended, and what they said; one that fails ends the others."""
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK")}
    environment |= {"OMP_NUM_THREADS": "1"}
    logs = [folder / f"{k}.log" for k in range(len(commands))]
    runs = []
    for command, log in zip(commands, logs, strict=True):
        with log.open("w") as file:
            runs.append(subprocess.Popen(command, env=environment, stderr=file, start_new_session=True))
    until = time.monotonic() + PATIENCE
    while any(run.poll() is None for run in runs) and not any(run.returncode for run in runs):
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    codes = [run.poll() for run in runs]
    for run in runs:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # what a launcher started, too
        run.wait()
    return codes, "\n".join(log.read_text() for log in logs)


def _assert_equal_to_one_process(ended: Ended, single: Any) -> None:
    weights, facts = single
    for name in ("plain", "kept", "second", "resumed", "whole"):
        found = ended.of(0, name)
        assert found.keys() == weights[name].keys()
        for key, expected in weights[name].items():
            torch.testing.assert_close(found[key], expected, rtol=1e-4, atol=1e-5)
    for name in ("plain", "kept", "resumed"):
        assert torch.tensor(ended.facts[0][name]).isnan().any()
        torch.testing.assert_close(
            torch.tensor(ended.facts[0][name]), torch.tensor(facts[name]), rtol=1e-4, atol=1e-5, equal_nan=True
        )


def _assert_alike_bit_for_bit(ended: Ended) -> None:
    assert ended.weights[0].keys() == ended.weights[1].keys()
    assert all(torch.equal(ended.weights[0][key], ended.weights[1][key]) for key in ended.weights[0])
    for name in ("plain", "kept", "resumed", "norm", "budget"):
        assert str(ended.facts[0][name]) == str(ended.facts[1][name])


def _assert_parts_of_every_batch(ended: Ended, single: Any) -> None:
    whole = single[1]["alone"]["seen"]
    parts = [iter(facts["alone"]["seen"]) for facts in ended.facts]
    for items in whole:
        for rank, part in enumerate(parts):
            if items[rank::2]:
                assert next(part) == items[rank::2]
    assert [next(part, None) for part in parts] == [None, None]
    assert any(len(items) == 1 for items in whole), "no batch is smaller than the number of processes"


def _assert_own_random_numbers(ended: Ended) -> None:
    first, other = (facts["alone"]["drawn"] for facts in ended.facts)
    assert not set(first) & set(other)
    assert len(set(first)) == len(first)


def _assert_only_the_first_validates_and_writes(ended: Ended) -> None:
    assert [facts["first"] for facts in ended.facts] == [True, False]
    assert [facts["alone"]["validations"] for facts in ended.facts] == [5, 0]
    assert [facts["written"] for facts in ended.facts] == [["checkpoint"], []]
    assert [facts["threads"] for facts in ended.facts] == [1, 1]


def _assert_resumed_to_the_same_bits(ended: Ended) -> None:
    resumed, whole = ended.of(0, "resumed"), ended.of(0, "whole")
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
    assert str(ended.facts[0]["resumed"]) == str(ended.facts[0]["whole"])


def _assert_stopped_by_the_budget(ended: Ended) -> None:
    steps = [record[3] for record in ended.facts[0]["budget"]]
    assert 0 < steps[-1] < 1000


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Run every training in this process."""
    return many_processes.run_all(None, tmp_path_factory.mktemp("single"))


@pytest.mark.parametrize("how", ["fabric", "torchrun", "two nodes"])
def test_two_processes_end_where_one_does(how, single, tmp_path):
    """One test for all that is asked of them: starting the processes takes most of the time."""
    ended = _run(how, tmp_path)
    _assert_equal_to_one_process(ended, single)
    _assert_alike_bit_for_bit(ended)
    _assert_parts_of_every_batch(ended, single)
    _assert_own_random_numbers(ended)
    _assert_only_the_first_validates_and_writes(ended)
    _assert_resumed_to_the_same_bits(ended)
    _assert_stopped_by_the_budget(ended)


def test_the_weights_moved_and_the_unused_one_did_not(single):
    """Without this the comparison above could not see a wrong step."""
    weights, _ = single
    assert torch.equal(weights["plain"]["unused"], torch.ones(3))
    assert abs(float(weights["plain"]["rare"]) - 1) > 0.1
    assert not torch.equal(weights["plain"]["layers.0.weight"], many_processes.Run(None).model.layers[0].weight)


@pytest.fixture
def one_process(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("one_process")
def test_one_device_gives_the_bits_of_none(training, equal):
    here, there, snapshots = training(), training(), Snapshots()
    expected = here.run(keep=2, average=0.9, schedule="cosine")
    history = there.run(keep=2, average=0.9, schedule="cosine", devices=Devices(), snapshots=snapshots)
    assert [r.valid_loss for r in history] == [r.valid_loss for r in expected]
    assert equal(there.weights(), here.weights())
    assert equal(snapshots.kept[0].weights, here.weights())


@pytest.mark.usefixtures("one_process")
def test_mixed_precision_computes_in_bfloat16(training):
    here, there = training(dropout=0.0), training(dropout=0.0)
    kinds = set()
    there.model[0].register_forward_hook(lambda _m, _i, output: kinds.add((torch.is_grad_enabled(), output.dtype)))
    here.run()
    refusal = lower_precision_refusal(torch.bfloat16, True)
    with pytest.warns(UserWarning, match=f"{refusal}; trained in float32") if refusal else nullcontext():
        there.run(devices=Devices(precision="bf16-mixed"))
    steps = torch.float32 if refusal else torch.bfloat16
    assert kinds == {(True, steps), (False, torch.float32)}, "steps in bfloat16, validation in float32"
    for name, weight in here.weights().items():
        assert there.weights()[name].dtype == torch.float32
        torch.testing.assert_close(there.weights()[name], weight, rtol=0.2, atol=0.05)


def test_nothing_of_fabric_is_imported_without_devices():
    program = (
        "import sys, torch; from lstmkit.training import *; m = torch.nn.Linear(1, 1); "
        "o = torch.optim.SGD(m.parameters(), lr=0.1); "
        "list(train(m, o, TrainSettings(1, 2), 4, lambda i: m(i[:, None].float()).mean())); "
        "print(sum(n.startswith('lightning') for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_a_missing_fabric_is_named(training, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(InputError, match=r"needs lightning-fabric: pip install 'lstmkit\[fabric\]'"):
        training().run(devices=Devices())


def test_another_number_of_processes_than_started_is_refused(training, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(InputError, match=r"num_nodes = 1 make 2 processes, but the launcher started 4"):
        training().run(devices=Devices(2))


@pytest.mark.usefixtures("one_process")
def test_more_gpus_than_there_are_is_refused(training):
    have = torch.cuda.device_count()
    with pytest.raises(InputError, match=rf"{have + 1} cuda devices asked for; {have} found"):
        training().run(devices=Devices(have + 1, accelerator="cuda"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 0}, "devices must be at least 1; got 0"),
        ({"num_nodes": 0}, "num_nodes must be at least 1; got 0"),
        ({"accelerator": "tpu"}, "accelerator must be one of auto, cpu, cuda; got 'tpu'"),
        ({"precision": "16-true"}, "precision must be one of 32-true, bf16-mixed; got '16-true'"),
    ],
    ids=str,
)
def test_bad_devices_are_refused(options, message):
    with pytest.raises(InputError, match=f"Devices: {message}"):
        Devices(**options)


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("one_process")
def test_the_first_process_is_known_before_training(environment, first, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first() == first
