"""Layers: LSTM and its family, attention and pooling, scaling by the context window, quantile losses."""

from lstmkit.nn.attention import AdditiveAttention as AdditiveAttention
from lstmkit.nn.attention import AttentionMemory as AttentionMemory
from lstmkit.nn.attention import AttentivePooling as AttentivePooling
from lstmkit.nn.attention import MultiplicativeAttention as MultiplicativeAttention
from lstmkit.nn.attention import StructuredPooling as StructuredPooling
from lstmkit.nn.attention import last_over_time as last_over_time
from lstmkit.nn.attention import max_over_time as max_over_time
from lstmkit.nn.attention import mean_over_time as mean_over_time
from lstmkit.nn.attention import overlap_penalty as overlap_penalty
from lstmkit.nn.cell import LSTMCell as LSTMCell
from lstmkit.nn.lstm import LSTM as LSTM
from lstmkit.nn.quantiles import mean_weights as mean_weights
from lstmkit.nn.quantiles import pinball_loss as pinball_loss
from lstmkit.nn.quantiles import quantile_levels as quantile_levels
from lstmkit.nn.scaling import WindowScale as WindowScale
from lstmkit.nn.scaling import squash as squash
from lstmkit.nn.scaling import window_scale as window_scale
from lstmkit.recurrence.cells import CELLS as CELLS
from lstmkit.recurrence.cells import ALstm as ALstm
from lstmkit.recurrence.cells import Gru as Gru
from lstmkit.recurrence.cells import Lstm as Lstm
from lstmkit.recurrence.cells import MLstm as MLstm
from lstmkit.recurrence.cells import Mogrifier as Mogrifier
from lstmkit.recurrence.cells import Rnn as Rnn
from lstmkit.recurrence.cells import SLstm as SLstm
