"""Classes or numbers of any sequences of frames: the classifier, its yardsticks, its job."""

from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier as SequenceClassifier
from lstmkit.classification.classifier.settings import SequenceSettings as SequenceSettings
