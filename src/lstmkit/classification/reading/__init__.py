"""Labelled sequences, from whatever a user has: tables, files of arrays, folders, arrays in memory."""

from lstmkit.classification.reading.labelled import Form as Form
from lstmkit.classification.reading.labelled import Labelled as Labelled
from lstmkit.classification.reading.source import read_labelled as read_labelled
