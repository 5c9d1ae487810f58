"""What someone may be about to type: the next words, or the rest of one."""

from lstmkit.language.suggestions.suggesting import Suggester as Suggester
from lstmkit.language.suggestions.suggesting import Suggestion as Suggestion
