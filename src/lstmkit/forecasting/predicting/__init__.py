"""What a trained ensemble says of windows and of what comes next, once or after every new row, as columns."""

from lstmkit.forecasting.predicting.columns import forecast_columns as forecast_columns
from lstmkit.forecasting.predicting.forecasts import quantiles_ahead as quantiles_ahead
