"""A tune as a language of events: what a model reads and writes."""

from lstmkit.music.events.decoding import decode as decode
from lstmkit.music.events.encoding import Events as Events
from lstmkit.music.events.encoding import encode as encode
