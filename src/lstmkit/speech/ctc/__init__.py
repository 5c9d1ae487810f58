"""Networks that hear: recurrent layers with several heads, each trained by connectionist temporal classification."""

from lstmkit.speech.ctc.settings import RecognizerSettings as RecognizerSettings
