"""What plays in a page: recordings and clips, with what is told of them running along."""

from lstmkit.results.player.strip import Part as Part
from lstmkit.results.player.strip import colours_of as colours_of
from lstmkit.results.player.strip import played as played
from lstmkit.results.player.strip import strip as strip
