"""Forecasting: a table of series in, what comes next out, beside what a naive forecast would say."""

from lstmkit.forecasting.forecaster import Forecaster as Forecaster
from lstmkit.forecasting.judgement.evaluation import Evaluation as Evaluation
from lstmkit.forecasting.judgement.evaluation import evaluate as evaluate
from lstmkit.forecasting.models.lstm import LstmSettings as LstmSettings
