"""How well a model foresees a text, what that saves someone who types, and the verdict."""

from lstmkit.language.judgement.scoring import Comparison as Comparison
from lstmkit.language.judgement.scoring import Score as Score
from lstmkit.language.judgement.scoring import score_all as score_all
from lstmkit.language.judgement.scoring import score_source as score_source
