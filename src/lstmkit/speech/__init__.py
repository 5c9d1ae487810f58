"""Speech into text: recordings read, turned into frames, recognised and judged."""

from lstmkit.speech.audio import read_audio as read_audio
from lstmkit.speech.audio import stream_audio as stream_audio
from lstmkit.speech.ctc import RecognizerSettings as RecognizerSettings
from lstmkit.speech.features import FeatureSettings as FeatureSettings
from lstmkit.speech.features import FeatureStream as FeatureStream
from lstmkit.speech.features import frames_of as frames_of
from lstmkit.speech.features import frames_of_all as frames_of_all
from lstmkit.speech.features import with_differences as with_differences
from lstmkit.speech.hmm import HmmRecogniser as HmmRecogniser
from lstmkit.speech.hmm import HmmSettings as HmmSettings
from lstmkit.speech.hmm import SearchSettings as SearchSettings
from lstmkit.speech.hmm import word_ngrams as word_ngrams
from lstmkit.speech.lexicon import Lexicon as Lexicon
from lstmkit.speech.lexicon import read_lexicon as read_lexicon
from lstmkit.speech.manifest import Manifest as Manifest
from lstmkit.speech.manifest import Utterance as Utterance
from lstmkit.speech.manifest import read_manifest as read_manifest
from lstmkit.speech.manifest import refuse_shared as refuse_shared
from lstmkit.speech.recogniser import Recognizer as Recognizer
from lstmkit.speech.scoring import SpeechScore as SpeechScore
from lstmkit.speech.scoring import align as align
from lstmkit.speech.scoring import aligned as aligned
from lstmkit.speech.scoring import compare as compare
from lstmkit.speech.scoring import judge as judge
from lstmkit.speech.scoring import score_texts as score_texts
