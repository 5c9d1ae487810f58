"""Standard MIDI files: read and written."""

from lstmkit.music.midi.accompaniment import accompanied as accompanied
from lstmkit.music.midi.reading import read_midi as read_midi
from lstmkit.music.midi.writing import write_midi as write_midi
