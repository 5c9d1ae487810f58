"""Text as sequences of tokens: model it, suggest the next word, write on, classify, translate."""

from lstmkit.language.language_model import LanguageModel as LanguageModel
from lstmkit.language.neural.settings import LanguageSettings as LanguageSettings
from lstmkit.language.ngrams.model import NGramModel as NGramModel
from lstmkit.language.text.corpus import Corpus as Corpus
from lstmkit.language.text.corpus import VocabularySettings as VocabularySettings
from lstmkit.language.text.corpus import read_corpus as read_corpus
from lstmkit.language.translate import Translator as Translator
from lstmkit.language.translate import TranslatorSettings as TranslatorSettings
