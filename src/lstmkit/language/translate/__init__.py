"""From one language to another: an encoder, attention, a decoder, and the search for the best translation."""

from lstmkit.language.translate.network import TranslatorSettings as TranslatorSettings
from lstmkit.language.translate.search import SearchSettings as SearchSettings
from lstmkit.language.translate.translating import Manner as Manner
from lstmkit.language.translate.translating import Translation as Translation
from lstmkit.language.translate.translator import Translator as Translator
