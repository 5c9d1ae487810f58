"""Speech into text: recordings read, turned into frames, recognised and judged."""

from lstmkit.speech.audio import read_audio as read_audio
from lstmkit.speech.audio import stream_audio as stream_audio
