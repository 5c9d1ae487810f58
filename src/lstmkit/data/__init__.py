"""Tables and windows: what a user's file or data frame becomes before a task sees it."""

from lstmkit.data.ahead import require_ahead as require_ahead
from lstmkit.data.append import Tail as Tail
from lstmkit.data.frequency import Frequency as Frequency
from lstmkit.data.frequency import parse_frequency as parse_frequency
from lstmkit.data.future import with_future as with_future
from lstmkit.data.native import TableKind as TableKind
from lstmkit.data.native import table_kind as table_kind
from lstmkit.data.native import to_native as to_native
from lstmkit.data.read import read_file as read_file
from lstmkit.data.series import SeriesTable as SeriesTable
from lstmkit.data.series import TableSettings as TableSettings
from lstmkit.data.source import read_source as read_source
from lstmkit.data.table import read_table as read_table
from lstmkit.data.windows import Batch as Batch
from lstmkit.data.windows import Windows as Windows
from lstmkit.data.windows import make_windows as make_windows
from lstmkit.data.windows import windows_at as windows_at
