"""MusicXML."""

from __future__ import annotations

from lstmkit.music.musicxml.writing import write_musicxml as write_musicxml
