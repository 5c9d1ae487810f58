"""Tables and windows: what a user's file or data frame becomes before a task sees it."""

from lstmkit.data.frequency import Frequency as Frequency
from lstmkit.data.frequency import parse_frequency as parse_frequency
from lstmkit.data.read import read_file as read_file
from lstmkit.data.series import SeriesTable as SeriesTable
from lstmkit.data.series import TableSettings as TableSettings
from lstmkit.data.table import TableKind as TableKind
from lstmkit.data.table import read_table as read_table
from lstmkit.data.table import table_kind as table_kind
from lstmkit.data.table import to_native as to_native
from lstmkit.data.windows import Windows as Windows
from lstmkit.data.windows import make_windows as make_windows
