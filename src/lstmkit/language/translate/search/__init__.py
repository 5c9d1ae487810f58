"""How the most likely sequence is found, whatever is read: beam search, and drawing at random."""

from lstmkit.language.translate.search.beam import Hypothesis as Hypothesis
from lstmkit.language.translate.search.beam import SearchSettings as SearchSettings
from lstmkit.language.translate.search.beam import beam_search as beam_search
from lstmkit.language.translate.search.contract import NetworkSearched as NetworkSearched
from lstmkit.language.translate.search.contract import PredictorSearched as PredictorSearched
from lstmkit.language.translate.search.contract import Searched as Searched
from lstmkit.language.translate.search.contract import TogetherSearched as TogetherSearched
from lstmkit.language.translate.search.drawing import draw_sequences as draw_sequences
from lstmkit.language.translate.search.writing import write_sequences as write_sequences
