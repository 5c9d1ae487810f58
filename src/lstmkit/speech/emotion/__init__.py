"""How something is said: frames of a voice, and classes of recordings."""

from lstmkit.classification.classifier.timeline import Stretch as Stretch
from lstmkit.speech.emotion.along import Asked as Asked
from lstmkit.speech.emotion.along import Told as Told
from lstmkit.speech.emotion.along import tell as tell
from lstmkit.speech.emotion.classifier import EmotionClassifier as EmotionClassifier
from lstmkit.speech.emotion.frames import VoiceSettings as VoiceSettings
from lstmkit.speech.emotion.frames import voice_frames as voice_frames
