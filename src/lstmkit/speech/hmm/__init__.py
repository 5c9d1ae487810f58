"""Hidden Markov models of speech: the yardstick of every recogniser."""

from lstmkit.speech.hmm.decoding import SearchSettings as SearchSettings
from lstmkit.speech.hmm.recogniser import CEPSTRA as CEPSTRA
from lstmkit.speech.hmm.recogniser import HmmRecogniser as HmmRecogniser
from lstmkit.speech.hmm.recogniser import word_ngrams as word_ngrams
from lstmkit.speech.hmm.training import HmmSettings as HmmSettings
