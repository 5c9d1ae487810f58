"""lstmkit: the LSTM family done properly, for people who have sequences and want an answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmkit.classification.classifier import SequenceClassifier as SequenceClassifier
    from lstmkit.errors import InputError as InputError
    from lstmkit.forecasting.backtest import backtest as backtest
    from lstmkit.forecasting.forecaster import Forecaster as Forecaster

__version__ = "0.1.0"
__all__ = ["Forecaster", "InputError", "SequenceClassifier", "__version__", "backtest"]

_WHERE = {
    "Forecaster": "lstmkit.forecasting.forecaster",
    "InputError": "lstmkit.errors",
    "SequenceClassifier": "lstmkit.classification.classifier",
    "backtest": "lstmkit.forecasting.backtest",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `lstm --help` never waits for torch."""
    if name not in _WHERE:
        raise AttributeError(f"module 'lstmkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
