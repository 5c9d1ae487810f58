"""From a table of series to a trained ensemble: seasons, networks, intervals that follow how often they hold."""

from lstmkit.forecasting.learning.ensemble import Ensemble as Ensemble
from lstmkit.forecasting.learning.fitting import Fit as Fit
from lstmkit.forecasting.learning.fitting import Request as Request
from lstmkit.forecasting.learning.seasons import Seasons as Seasons
