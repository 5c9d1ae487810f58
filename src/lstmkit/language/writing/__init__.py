"""Writing on: what is continued, how the next token is drawn, and the text that comes of it."""

from lstmkit.language.writing.generating import generate as generate
from lstmkit.language.writing.sampling import SamplingSettings as SamplingSettings
