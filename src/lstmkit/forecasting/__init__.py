"""Forecasting: a table of series in, what comes next out, beside what a naive forecast would say."""

from lstmkit.forecasting.evaluate import Evaluation as Evaluation
from lstmkit.forecasting.evaluate import evaluate as evaluate
from lstmkit.forecasting.forecaster import Forecaster as Forecaster
from lstmkit.forecasting.models.lstm import LstmSettings as LstmSettings
