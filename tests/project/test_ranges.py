"""Numbers, words and flags that people give: what is taken, and the one line about what is not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lstmkit import Forecaster
from lstmkit.classification import FrameSettings
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.reading import Form
from lstmkit.errors import InputError
from lstmkit.explain import GradientSettings, MemorySettings
from lstmkit.forecasting.models import MODELS
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.classify import ClassifierSettings, TextClassifier
from lstmkit.language.translate import SearchSettings, TranslatorSettings
from lstmkit.language.writing import SamplingSettings
from lstmkit.music.frames import FrameSettings as RollSettings
from lstmkit.music.voices import VoiceSettings
from lstmkit.nn import LSTMCell, StructuredPooling
from lstmkit.ranges import AT_LEAST_1, BETWEEN_0_AND_1, MORE_THAN_0, SEED, check_fields, real, several, whole
from lstmkit.sequences import Augmentation, Features
from lstmkit.speech import RecognizerSettings
from lstmkit.training import Devices, TrainSettings

SETTINGS: list[tuple[Any, dict[str, Any]]] = [
    (LanguageSettings, {}),
    (ClassifierSettings, {}),
    (TranslatorSettings, {}),
    (SearchSettings, {}),
    (FrameSettings, {}),
    (RollSettings, {}),
    (VoiceSettings, {}),
    (SequenceSettings, {}),
    (RecognizerSettings, {}),
    (Form, {}),
    (Augmentation, {}),
    (Features, {}),
    (TrainSettings, {"max_epochs": 1, "batch_size": 1}),
    (Devices, {}),
    (SamplingSettings, {}),
    (MemorySettings, {}),
    (GradientSettings, {}),
    *((model.Settings, {}) for model in MODELS.values()),
]
NAMES = [kind.__name__ for kind, _ in SETTINGS]


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        call()
    return str(raised.value)


@pytest.mark.parametrize("value", [np.int64(5), np.uint8(5), 5])
def test_whole_numbers_of_numpy_become_pythons(value: Any) -> None:
    assert type(whole("n", value)) is int and whole("n", value) == 5


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3.0, "must be a whole number; got 3.0"),
        (True, "must be a whole number; got True"),
        ("5", "must be a whole number; got '5'"),
        (None, "must be a whole number; got None"),
        (np.array([1, 2]), "must be a whole number; got a ndarray"),
        (torch.tensor(3), "must be a whole number; got a Tensor"),
        (object(), "must be a whole number; got an object"),
        (0, "must be at least 1; got 0"),
        (2**31, "must be at most 2147483647; got 2147483648"),
        pytest.param(10**5000, "must be at most 2147483647; got a number of 16610 bits", id="huge"),
    ],
)
def test_what_is_no_whole_number(value: Any, words: str) -> None:
    assert complaint(lambda: whole("n", value, AT_LEAST_1)) == f"n {words}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0.5", "must be a number; got '0.5'"),
        (False, "must be a number; got False"),
        (math.nan, "must be more than 0; got nan"),
        (math.inf, "must be a finite number; got inf"),
        pytest.param(10**400, "must be a finite number; got a number of 1329 bits", id="huge"),
        (-1, "must be more than 0; got -1"),
        ("x" * 999, f"must be a number; got '{'x' * 79}..."),
    ],
)
def test_what_is_no_number(value: Any, words: str) -> None:
    assert complaint(lambda: real("x", value, MORE_THAN_0)) == f"x {words}"


def test_ends_of_a_range() -> None:
    assert real("x", np.float32(0.5), BETWEEN_0_AND_1) == 0.5
    assert [BETWEEN_0_AND_1.holds(v) for v in (0, 5e-324, 1 - 1e-16, 1)] == [False, True, True, False]
    assert whole("s", 2**63 - 1, SEED) == 2**63 - 1
    assert "must be from 0 to" in complaint(lambda: whole("s", 2**63, SEED))


def test_several_numbers() -> None:
    own = [80, 95.0]
    assert several("levels", own, MORE_THAN_0) is own
    found = several("levels", np.array([80, 95]), MORE_THAN_0)
    assert found == (80, 95) and {type(v) for v in found} == {int}
    for wrong in (90, "80", None, {80: 1}):
        assert "must be several numbers" in complaint(lambda wrong=wrong: several("levels", wrong, MORE_THAN_0))


@pytest.mark.parametrize(("kind", "needed"), SETTINGS, ids=NAMES)
def test_every_field_of_every_settings_is_checked_for_its_type(kind: Any, needed: dict[str, Any]) -> None:
    for field in dataclasses.fields(kind):
        for wrong in (object(), {}, -1 if field.name != "fold" else 1):
            message = complaint(lambda name=field.name, wrong=wrong: kind(**needed | {name: wrong}))
            assert field.name in message, (field.name, wrong)
            assert "\n" not in message and len(message) < 300


@pytest.mark.parametrize(("kind", "needed"), SETTINGS, ids=NAMES)
def test_settings_hold_pythons_own_numbers(kind: Any, needed: dict[str, Any]) -> None:
    plain = kind(**needed)
    numpys = {int: np.int64, float: np.float64}
    given = {
        name: numpys[type(value)](value) for name, value in dataclasses.asdict(plain).items() if type(value) in numpys
    }
    same = kind(**needed | given)
    assert same == plain
    assert [type(v) for v in dataclasses.asdict(same).values()] == [type(v) for v in dataclasses.asdict(plain).values()]


def test_a_list_becomes_a_tuple_and_optional_stays_none() -> None:
    @dataclasses.dataclass(frozen=True)
    class Some:
        blocks: tuple[tuple[int, ...], ...] = ()
        limit: float | None = None

        def __post_init__(self) -> None:
            check_fields(self, {}, "Some")

    assert Some([[1, 2], [3]]) == Some(((1, 2), (3,)))  # type: ignore[arg-type]
    assert complaint(lambda: Some([[1], [2.0]])) == "Some: blocks must be a whole number; got 2.0"  # type: ignore[arg-type]
    assert complaint(lambda: Some(3)) == "Some: blocks must be a tuple; got 3"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Forecaster(3.0), "horizon must be a whole number; got 3.0"),
        (lambda: Forecaster(True), "horizon must be a whole number; got True"),
        (lambda: Forecaster("5"), "horizon must be a whole number; got '5'"),
        (lambda: Forecaster(5, context=np.nan), "context must be a whole number; got nan"),
        (lambda: Forecaster(5, levels=90), "levels must be several numbers, such as (80, 95); got 90"),
        (lambda: Forecaster(5, levels=["80"]), "levels must be a number; got '80'"),
        (lambda: Forecaster(5, seasons=7), "seasons must be several numbers, such as (7,); got 7"),
        (lambda: Forecaster(5, seed=2**64), "seed must be from 0 to 9223372036854775807; got 18446744073709551616"),
        (lambda: Forecaster(5, ensemble=(1, 2, 3)), "ensemble must be one number, or two: seeds and snapshots; got 3"),
        (lambda: Forecaster(5, ensemble=2.0), "ensemble must be a whole number; got 2.0"),
        (lambda: LanguageModel(order=2.5), "n-gram model: order must be a whole number; got 2.5"),
        (lambda: LanguageModel(seed=-1), "seed must be from 0 to 9223372036854775807; got -1"),
        (lambda: TextClassifier(seed="x"), "seed must be a whole number; got 'x'"),
        (lambda: LSTMCell(2.0, 3), "LSTMCell: input_size must be a whole number; got 2.0"),
        (lambda: LSTMCell(2, 0), "LSTMCell: hidden_size must be at least 1; got 0"),
        (lambda: StructuredPooling(2, 3, None), "StructuredPooling: rows must be a whole number; got None"),
    ],
)
def test_arguments_of_constructors(call: Callable[[], object], words: str) -> None:
    assert complaint(call) == words


def test_numbers_of_numpy_in_a_forecaster_are_written_as_json() -> None:
    levels, seasons = np.array([80, 95]), [np.int64(7)]
    forecaster = Forecaster(np.int64(5), np.int32(20), levels=levels, seasons=seasons, seed=np.uint8(1))
    assert repr(forecaster) == "Forecaster(horizon=5, context=20, seasons=(7,), seed=1)"
