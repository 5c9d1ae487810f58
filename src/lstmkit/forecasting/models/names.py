"""The models by name."""

from __future__ import annotations

from typing import Any

from lstmkit.data.series import closest
from lstmkit.errors import InputError
from lstmkit.forecasting.models.deepar import DeepAr
from lstmkit.forecasting.models.esrnn import EsRnnModel
from lstmkit.forecasting.models.lstm import LstmModel
from lstmkit.forecasting.models.model import ForecastModel
from lstmkit.forecasting.models.segrnn import SegRnnModel
from lstmkit.forecasting.models.seq2seq import Seq2Seq
from lstmkit.forecasting.models.slstm import SLstmModel
from lstmkit.ranges import shown

MODELS: dict[str, type[ForecastModel[Any]]] = {
    "lstm": LstmModel,
    "seq2seq": Seq2Seq,
    "deepar": DeepAr,
    "esrnn": EsRnnModel,
    "segrnn": SegRnnModel,
    "slstm": SLstmModel,
}


def model_named(name: str) -> type[ForecastModel[Any]]:
    """Return a model by its name.

    Raises  InputError if there is none
    """
    if not isinstance(name, str) or name not in MODELS:
        near = closest(name, MODELS) if isinstance(name, str) else ""
        raise InputError(f"model must be one of {', '.join(MODELS)}; got {shown(name)}{near}")
    return MODELS[name]
