"""What was said, searched in the emissions of a network: words, hotwords, several heads, times and confidences."""

from lstmkit.speech.decoding.candidates import DecodingSettings as DecodingSettings
from lstmkit.speech.decoding.candidates import Head as Head
from lstmkit.speech.decoding.decoder import Decoder as Decoder
from lstmkit.speech.decoding.fitting import Fitted as Fitted
from lstmkit.speech.decoding.fitting import fit_decoding as fit_decoding
from lstmkit.speech.decoding.hotwords import Hotwords as Hotwords
from lstmkit.speech.decoding.hotwords import read_hotwords as read_hotwords
