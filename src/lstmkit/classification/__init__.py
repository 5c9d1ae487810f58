"""One network, one learning and one judgement for every task that answers with a class or a number."""

from lstmkit.classification.evaluation import Evaluation as Evaluation
from lstmkit.classification.frames import FrameSettings as FrameSettings
from lstmkit.classification.labels import Coding as Coding
from lstmkit.classification.settings import NetworkSettings as NetworkSettings
from lstmkit.classification.verdict import judge as judge
