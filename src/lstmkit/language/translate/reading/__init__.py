"""What a translator reads: lines of two files, their vocabularies, and the words of a sentence."""

from lstmkit.language.translate.reading.lines import Lines as Lines
from lstmkit.language.translate.reading.lines import paired as paired
from lstmkit.language.translate.reading.lines import read_lines_of as read_lines_of
from lstmkit.language.translate.reading.sides import Sides as Sides
