"""Recordings of any length, and speech as it comes: cut, heard, and written down."""

from lstmkit.speech.listening.detector import LoudnessDetector as LoudnessDetector
from lstmkit.speech.listening.detector import SpeechDetector as SpeechDetector
from lstmkit.speech.listening.detector import speech_pieces as speech_pieces
from lstmkit.speech.listening.pauses import Piece as Piece
from lstmkit.speech.listening.pauses import cut_at_pauses as cut_at_pauses
from lstmkit.speech.listening.sources import microphone as microphone
from lstmkit.speech.listening.sources import raw_samples as raw_samples
from lstmkit.speech.listening.sources import recordings_in as recordings_in
from lstmkit.speech.listening.stream import EndPoints as EndPoints
from lstmkit.speech.listening.stream import Partial as Partial
from lstmkit.speech.listening.stream import RecognizerStream as RecognizerStream
from lstmkit.speech.listening.transcriber import Session as Session
from lstmkit.speech.listening.transcriber import Transcriber as Transcriber
