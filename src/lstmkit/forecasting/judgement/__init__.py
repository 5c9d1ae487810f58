"""How good a forecast is, beside what a simple method says, and how sure that is."""

from lstmkit.forecasting.judgement.evaluation import Evaluation as Evaluation
from lstmkit.forecasting.judgement.trading import judge_trading as judge_trading
from lstmkit.forecasting.judgement.trading import trade as trade
