"""Training for every task: the loop, checkpoints, and model folders."""

from lstmkit.training.checkpoint import Checkpoint as Checkpoint
from lstmkit.training.checkpoint import write_atomically as write_atomically
from lstmkit.training.folder import ModelFolder as ModelFolder
from lstmkit.training.loop import EpochRecord as EpochRecord
from lstmkit.training.loop import TrainSettings as TrainSettings
from lstmkit.training.loop import train as train
from lstmkit.training.threads import threads_for as threads_for
