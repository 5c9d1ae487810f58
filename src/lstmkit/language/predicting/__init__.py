"""What says how likely the next token is: the contract, and two such models mixed."""

from lstmkit.language.predicting.mixture import MixturePredictor as MixturePredictor
from lstmkit.language.predicting.mixture import fit_share as fit_share
from lstmkit.language.predicting.predictor import Predictor as Predictor
from lstmkit.language.predicting.predictor import Scorer as Scorer
