"""The recurrences: each cell's definition, the reference loop, and the backends that run it fast."""

from lstmkit.recurrence.backends import BACKENDS as BACKENDS
from lstmkit.recurrence.backends import Explanation as Explanation
from lstmkit.recurrence.call import LstmCall as LstmCall
from lstmkit.recurrence.call import LstmOutput as LstmOutput
from lstmkit.recurrence.reference import lstm_step as lstm_step
