"""Voices: networks that foresee what each sings, and what they are measured by."""

from lstmkit.music.voices.baselines import FirstOrderVoices as FirstOrderVoices
from lstmkit.music.voices.baselines import LastStep as LastStep
from lstmkit.music.voices.completing import OPEN as OPEN
from lstmkit.music.voices.completing import completed_voices as completed_voices
from lstmkit.music.voices.composer import VoiceComposer as VoiceComposer
from lstmkit.music.voices.learning import fit_voices as fit_voices
from lstmkit.music.voices.model import VoiceModel as VoiceModel
from lstmkit.music.voices.settings import VoiceSettings as VoiceSettings
