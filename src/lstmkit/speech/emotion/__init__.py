"""How something is said: frames of a voice, and classes of recordings."""

from lstmkit.speech.emotion.classifier import EmotionClassifier as EmotionClassifier
from lstmkit.speech.emotion.frames import VoiceSettings as VoiceSettings
from lstmkit.speech.emotion.frames import voice_frames as voice_frames
