"""Text as sequences of tokens: model it, suggest the next word, write on, classify."""

from lstmkit.language.corpus import Corpus as Corpus
from lstmkit.language.corpus import VocabularySettings as VocabularySettings
from lstmkit.language.corpus import read_corpus as read_corpus
from lstmkit.language.language_model import LanguageModel as LanguageModel
from lstmkit.language.ngram import NGramModel as NGramModel
from lstmkit.language.settings import LanguageSettings as LanguageSettings
