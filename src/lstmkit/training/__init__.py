"""Training for every task: the loop, checkpoints, and model folders."""

from lstmkit.training.amount import Amount as Amount
from lstmkit.training.averaging import Snapshot as Snapshot
from lstmkit.training.averaging import Snapshots as Snapshots
from lstmkit.training.checkpoint import Checkpoint as Checkpoint
from lstmkit.training.devices import Devices as Devices
from lstmkit.training.devices import is_first as is_first
from lstmkit.training.folder import ModelFolder as ModelFolder
from lstmkit.training.loop import train as train
from lstmkit.training.parameters import Parameters as Parameters
from lstmkit.training.records import EpochRecord as EpochRecord
from lstmkit.training.records import StoredRecord as StoredRecord
from lstmkit.training.settings import TrainSettings as TrainSettings
from lstmkit.training.threads import threads_for as threads_for
from lstmkit.training.writing import replaces as replaces
from lstmkit.training.writing import replacing as replacing
from lstmkit.training.writing import write_atomically as write_atomically
