"""The LSTM of a language model: its layers, its training, and what it answers."""

from lstmkit.language.neural.network import LanguageNetwork as LanguageNetwork
from lstmkit.language.neural.predictor import NetworkPredictor as NetworkPredictor
from lstmkit.language.neural.settings import LanguageSettings as LanguageSettings
