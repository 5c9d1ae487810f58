"""Forecasting models: a file each, all reached by name."""

from lstmkit.forecasting.models.model import ForecastModel as ForecastModel
from lstmkit.forecasting.models.model import ModelSettings as ModelSettings
from lstmkit.forecasting.models.model import Task as Task
from lstmkit.forecasting.models.names import MODELS as MODELS
from lstmkit.forecasting.models.names import model_named as model_named
