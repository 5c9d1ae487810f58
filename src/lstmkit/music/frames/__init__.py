"""Frames of a piano roll: networks that foresee them, and what they are measured by."""

from lstmkit.music.frames.baselines import FirstOrder as FirstOrder
from lstmkit.music.frames.baselines import LastFrame as LastFrame
from lstmkit.music.frames.completing import below_melody as below_melody
from lstmkit.music.frames.completing import completed as completed
from lstmkit.music.frames.composer import RollComposer as RollComposer
from lstmkit.music.frames.foreseeing import ComposedPiece as ComposedPiece
from lstmkit.music.frames.foreseeing import FrameComposer as FrameComposer
from lstmkit.music.frames.foreseeing import FrameScore as FrameScore
from lstmkit.music.frames.learning import fit_frames as fit_frames
from lstmkit.music.frames.model import FrameModel as FrameModel
from lstmkit.music.frames.reading import read_pieces as read_pieces
from lstmkit.music.frames.settings import FrameSettings as FrameSettings
