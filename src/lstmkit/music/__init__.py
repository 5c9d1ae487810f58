"""Music: tunes read, learnt from, composed and judged."""

from lstmkit.music.abc import read_abc as read_abc
from lstmkit.music.abc import write_abc as write_abc
from lstmkit.music.composer import Composer as Composer
from lstmkit.music.composer import Composition as Composition
from lstmkit.music.composer import TuneScore as TuneScore
from lstmkit.music.composer import Wish as Wish
from lstmkit.music.files import Collection as Collection
from lstmkit.music.files import read_music as read_music
from lstmkit.music.files import read_tune as read_tune
from lstmkit.music.keys import Key as Key
from lstmkit.music.keys import read_key as read_key
from lstmkit.music.midi import accompanied as accompanied
from lstmkit.music.midi import read_midi as read_midi
from lstmkit.music.midi import write_midi as write_midi
from lstmkit.music.repeats import played as played
from lstmkit.music.rolls import read_rolls as read_rolls
from lstmkit.music.rolls import tune_of_roll as tune_of_roll
from lstmkit.music.rolls import tune_to_roll as tune_to_roll
from lstmkit.music.rolls import write_rolls as write_rolls
from lstmkit.music.tune import Bar as Bar
from lstmkit.music.tune import Metre as Metre
from lstmkit.music.tune import Note as Note
from lstmkit.music.tune import Tune as Tune
from lstmkit.music.tune import Voice as Voice
from lstmkit.music.tune import transposed as transposed
from lstmkit.music.tune import uneven_bars as uneven_bars
