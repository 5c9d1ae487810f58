"""How good a translator is, and beside it a dictionary, word by word."""

from lstmkit.language.translate.judgement.dictionary import Dictionary as Dictionary
from lstmkit.language.translate.judgement.scoring import TranslationScore as TranslationScore
from lstmkit.language.translate.judgement.scoring import score_texts as score_texts
from lstmkit.language.translate.judgement.verdict import judge as judge
