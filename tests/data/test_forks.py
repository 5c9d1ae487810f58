"""Forked processes: what hung for ever works, or is refused in a line."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys, warnings
import numpy as np, polars as pl, torch
from lstmkit import Forecaster, InputError
from lstmkit.data import read_file
from lstmkit.forecasting.models import MODELS
warnings.simplefilter("ignore")
table = pl.DataFrame({"value": 10 + np.sin(np.arange(90) * 2 * np.pi / 7)})
small = MODELS["lstm"].Settings(hidden_size=3, max_epochs=1, steps_per_epoch=1)
forecaster = Forecaster(2, context=14, settings=small)

def in_child(work):
    child = os.fork()
    if not child:
        try:
            print(work(), flush=True)
        except InputError as error:
            print(error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)

in_child(lambda: len(forecaster.fit(table, "value").predict()))  # no table has been read before
forecaster.fit(table, "value")
torch.set_num_threads(2)
torch.randn(1000, 1000) @ torch.randn(1000, 1000)
in_child(lambda: len(forecaster.predict()))
in_child(lambda: tuple((torch.randn(1000, 1000) @ torch.randn(1000, 1000)).shape))
for work in (
    lambda: forecaster.fit(table, "value"),
    lambda: forecaster.fit(table.to_pandas(), "value"),
    lambda: forecaster.predict(table),
    lambda: read_file("demo:aapl"),
):
    in_child(work)
in_child(lambda: in_child(lambda: forecaster.predict(table)))
"""


def test_a_forked_process_works_or_says_why_it_cannot():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=True)
    lines = done.stdout.splitlines()
    assert lines[:3] == ["2", "2", "(1000, 1000)"], done.stderr
    refused = "tables cannot be read in this process: it was forked after its parent had read one"
    assert [line.startswith(refused) for line in lines[3:]] == [True] * 5 + [False]
