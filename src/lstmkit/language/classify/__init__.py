"""Classes or numbers of texts and of pairs of texts."""

from lstmkit.language.classify.settings import ClassifierSettings as ClassifierSettings
from lstmkit.language.classify.text_classifier import TextClassifier as TextClassifier
