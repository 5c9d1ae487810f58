"""How well are spoken digits told by speakers that were never heard? FSDD, one of six speakers left out at a time.

Whole-word hidden Markov models learn from all recordings of five speakers, and are scored on all of the sixth; frames
are normalised by recording, since nothing else of a stranger is known. A clip is one word: so say bigrams learnt from
the transcripts.

`--trial` leaves one speaker out alone, and of the five learns from takes 5 to 49 only; nothing is written.

Writes bench/results/speech-digits.txt:

    python -m bench.speech.digits
    python -m bench.speech.digits --trial theo
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import tempfile
import time
import zipfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from bench.machine import header, write
from bench.speech import an4
from lstmkit.speech import (
    FeatureSettings,
    HmmRecogniser,
    HmmSettings,
    SearchSettings,
    SpeechScore,
    Utterance,
    frames_of_all,
    score_texts,
    word_ngrams,
)

FRAMES = FeatureSettings(rate=8_000, bins=23, cepstra=13, low=20.0, high=3_800.0)
SETTINGS = HmmSettings(mixtures=8)
SEARCH = SearchSettings(language=8.0)
FIRST = 5
"""Takes below this are the test part of the official division."""


def recordings(where: Path) -> list[Utterance]:
    """Unpack the recordings; their names say digit, speaker and take."""
    with zipfile.ZipFile(an4.folder().parent / "fsdd" / "fsdd_recordings.zip") as files:
        files.extractall(where)
    found = []
    for path in sorted(where.rglob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        found.append(Utterance(path.stem, path, digit, speaker))
    return found


def left_out(all_of: list[Utterance], speaker: str, trial: bool) -> tuple[SpeechScore, float]:
    """Return the score on one speaker, and the minutes of the processor that learning from the others took."""
    kept = [one for one in all_of if not trial or int(one.name.rsplit("_", 1)[1]) >= FIRST]
    learnt = [one for one in kept if one.speaker != speaker]
    tried = [one for one in kept if one.speaker == speaker]
    texts = [str(one.text) for one in learnt]
    begun = time.process_time()
    model = HmmRecogniser(SETTINGS).fit(frames_of_all(learnt, FRAMES), texts)
    minutes = (time.process_time() - begun) / 60
    found = model.transcribe(frames_of_all(tried, FRAMES), word_ngrams(texts, order=2), search=SEARCH)
    said = [" ".join(word.word for word in own) for own in found]
    names, speakers = [one.name for one in tried], [one.speaker for one in tried]
    return score_texts([str(one.text) for one in tried], said, names, speakers), minutes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", metavar="SPEAKER", help="leave this one out alone, without the official test takes")
    given = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "kaldi-native-fbank", "soundfile")}
    lines = [*header("Spoken digits, speakers that were never heard, one thread", versions), ""]
    with tempfile.TemporaryDirectory() as where:
        all_of = recordings(Path(where))
        shares = []
        for speaker in [given.trial] if given.trial else sorted({str(one.speaker) for one in all_of}):
            score, minutes = left_out(all_of, speaker, given.trial is not None)
            shares.append(score.sentences)
            errors = ", ".join(f"{e.truth or '-'} as {e.found or '-'} {n}" for e, n in score.confusions(4))
            lines.append(
                f"  {speaker:<10} {100 * score.sentences:>6.1f} % of {len(score.utterances)} right, "
                f"{minutes:.1f} minutes; {errors}"
            )
            print(lines[-1], flush=True)
    if not given.trial:
        lines.append(f"  mean       {100 * np.mean(shares):>6.1f} %")
        write("speech-digits.txt", lines)


if __name__ == "__main__":
    main()
