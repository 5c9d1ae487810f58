"""Piano rolls: frames that say which of 88 keys sound; read from JSON, .npz and .mat files, and as tunes."""

from lstmkit.music.rolls.frames import KEYS as KEYS
from lstmkit.music.rolls.frames import LOWEST_KEY as LOWEST_KEY
from lstmkit.music.rolls.frames import Roll as Roll
from lstmkit.music.rolls.frames import parts_of_tune as parts_of_tune
from lstmkit.music.rolls.frames import read_step as read_step
from lstmkit.music.rolls.frames import tune_of_parts as tune_of_parts
from lstmkit.music.rolls.frames import tune_of_roll as tune_of_roll
from lstmkit.music.rolls.frames import tune_to_roll as tune_to_roll
from lstmkit.music.rolls.notation import ROLLS as ROLLS
from lstmkit.music.rolls.notation import VOICES as VOICES
from lstmkit.music.rolls.notation import Frames as Frames
from lstmkit.music.rolls.notation import Notation as Notation
from lstmkit.music.rolls.reading import read_rolls as read_rolls
from lstmkit.music.rolls.reading import read_voices as read_voices
from lstmkit.music.rolls.writing import write_rolls as write_rolls
from lstmkit.music.rolls.writing import write_voices as write_voices
