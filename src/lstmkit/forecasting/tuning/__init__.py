"""Which settings forecast best: what is tried, the trials, and the job."""

from lstmkit.forecasting.tuning.trying import ask_of as ask_of
from lstmkit.forecasting.tuning.trying import tune as tune
