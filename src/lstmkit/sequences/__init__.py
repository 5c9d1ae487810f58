"""Sequences of unequal lengths, of ids or of frames: held, batched, divided, and made ready for a network."""

from lstmkit.sequences.augmentation import Augmentation as Augmentation
from lstmkit.sequences.batches import Examples as Examples
from lstmkit.sequences.batches import LengthBatches as LengthBatches
from lstmkit.sequences.features import Features as Features
from lstmkit.sequences.frame_layer import FrameLayer as FrameLayer
from lstmkit.sequences.frame_layer import FrameLayerSettings as FrameLayerSettings
from lstmkit.sequences.normalising import Normalisation as Normalisation
from lstmkit.sequences.ragged import Padded as Padded
from lstmkit.sequences.ragged import Ragged as Ragged
from lstmkit.sequences.ragged import Repeated as Repeated
from lstmkit.sequences.splits import cut_off as cut_off
from lstmkit.sequences.splits import cut_off_groups as cut_off_groups
from lstmkit.sequences.splits import fold_numbers as fold_numbers
from lstmkit.sequences.splits import given as given
from lstmkit.sequences.splits import one_group_out as one_group_out
