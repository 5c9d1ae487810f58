"""Where text becomes ids: what a vocabulary is, and the three there are."""

from lstmkit.language.vocabulary.characters import Characters as Characters
from lstmkit.language.vocabulary.stored import StoredTokens as StoredTokens
from lstmkit.language.vocabulary.stored import tokens_from as tokens_from
from lstmkit.language.vocabulary.subwords import Subwords as Subwords
from lstmkit.language.vocabulary.tokens import END as END
from lstmkit.language.vocabulary.tokens import PLURALS as PLURALS
from lstmkit.language.vocabulary.tokens import UNITS as UNITS
from lstmkit.language.vocabulary.tokens import UNKNOWN as UNKNOWN
from lstmkit.language.vocabulary.tokens import Tokens as Tokens
from lstmkit.language.vocabulary.words import Words as Words
