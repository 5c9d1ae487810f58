"""Texts of any size: read in pieces, divided into what is learnt from and what is not, as rows of ids."""

from lstmkit.language.text.corpus import Corpus as Corpus
from lstmkit.language.text.corpus import VocabularySettings as VocabularySettings
from lstmkit.language.text.corpus import read_corpus as read_corpus
