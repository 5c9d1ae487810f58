"""Tunes as ABC notation (abcnotation.com, version 2.1): read and written."""

from lstmkit.music.abc.reading import read_abc as read_abc
from lstmkit.music.abc.writing import write_abc as write_abc
