"""Tunes drawn from a predictor of events."""

from lstmkit.music.composing.harmonising import Harmonising as Harmonising
from lstmkit.music.composing.harmonising import Version as Version
from lstmkit.music.composing.harmonising import bars_filled as bars_filled
from lstmkit.music.composing.harmonising import harmonised as harmonised
from lstmkit.music.composing.writing import HEAD as HEAD
from lstmkit.music.composing.writing import Writing as Writing
from lstmkit.music.composing.writing import Written as Written
