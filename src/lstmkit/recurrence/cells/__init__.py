"""The members of the family: settings, equations and gradients, a file each."""

from lstmkit.recurrence.cells.alstm import ALstm as ALstm
from lstmkit.recurrence.cells.gru import Gru as Gru
from lstmkit.recurrence.cells.lstm import Lstm as Lstm
from lstmkit.recurrence.cells.mlstm import MLstm as MLstm
from lstmkit.recurrence.cells.mogrifier import Mogrifier as Mogrifier
from lstmkit.recurrence.cells.names import CELLS as CELLS
from lstmkit.recurrence.cells.names import cell_named as cell_named
from lstmkit.recurrence.cells.rnn import Rnn as Rnn
from lstmkit.recurrence.cells.slstm import SLstm as SLstm
