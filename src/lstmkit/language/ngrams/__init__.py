"""The n-gram model: estimated, looked up, kept, and read from ARPA files."""

from lstmkit.language.ngrams.arpa import read_arpa as read_arpa
from lstmkit.language.ngrams.arpa import write_arpa as write_arpa
from lstmkit.language.ngrams.model import NGramModel as NGramModel
from lstmkit.language.ngrams.predictor import NGramPredictor as NGramPredictor
