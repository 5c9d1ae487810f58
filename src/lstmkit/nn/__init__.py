"""Layers: the LSTM module, scaling by the context window, quantile losses."""

from lstmkit.nn.lstm import LSTM as LSTM
from lstmkit.nn.quantiles import mean_weights as mean_weights
from lstmkit.nn.quantiles import pinball_loss as pinball_loss
from lstmkit.nn.quantiles import quantile_levels as quantile_levels
from lstmkit.nn.scaling import WindowScale as WindowScale
from lstmkit.nn.scaling import squash as squash
from lstmkit.nn.scaling import window_scale as window_scale
