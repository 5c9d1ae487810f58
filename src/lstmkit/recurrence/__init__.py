"""The recurrences: each cell's definition, the reference loop, and the backends that run it fast."""

from lstmkit.recurrence.backends import BACKENDS as BACKENDS
from lstmkit.recurrence.backends import Explanation as Explanation
from lstmkit.recurrence.call import Call as Call
from lstmkit.recurrence.call import Output as Output
from lstmkit.recurrence.cell import Cell as Cell
from lstmkit.recurrence.cell import Masks as Masks
from lstmkit.recurrence.reference import run_direction as run_direction
from lstmkit.recurrence.reference import run_reference as run_reference
