"""How good is the recogniser on AN4, learnt from audio, with words, phones and characters trained together?

    taskset -c 1 python -m bench.speech.recogniser                  speakers held back, the same as for the HMM
    taskset -c 1 python -m bench.speech.recogniser --all --seeds 3  learns from all training speakers, scores nothing
    python -m bench.speech.recogniser --test                        reads the test part, by all models that were made
    python -m bench.speech.recogniser --again                       scores the models of the first again

The first writes bench/results/speech-recogniser.txt. Settings, and the weights of the search, are chosen by it; this is
all that is read until they stand. With --test, speech-recogniser-test.txt is written: once. Models lie in the folder of
--keep. With --streaming, all of this for a network that reads forwards only; with --ready, for one that learns from the
set's cepstra (13 with slopes and slopes of slopes) in place of sound, read as ready features.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from bench.machine import ROOT, header, write
from bench.speech import an4, hmm
from lstmkit.cli.parameters import given_settings
from lstmkit.language.predicting import Predictor
from lstmkit.sequences import Ragged
from lstmkit.speech import (
    HmmRecogniser,
    Manifest,
    ReadyFrames,
    Recognizer,
    RecognizerSettings,
    SpeechScore,
    compare,
    frames_of_all,
    score_texts,
    word_ngrams,
)
from lstmkit.speech.ctc.learning import Emissions
from lstmkit.speech.decoding import Decoder, DecodingSettings, Head, fit_decoding
from lstmkit.speech.features import Features
from lstmkit.speech.heads import heads_of
from lstmkit.speech.hmm import CEPSTRA
from lstmkit.speech.recordings import Recordings, read_recordings
from lstmkit.training import EpochRecord

WHERE = ROOT / "build" / "speech"
"""Where models lie unless told otherwise."""
HEAD = f"  {'':<34} {'WER':>7} {'95 % interval':^16} {'CER':>6} {'sentences':>9}   sub del ins"


class Search(NamedTuple):
    """How emissions are searched: by which heads, with n-grams of which order."""

    title: str
    heads: tuple[str, ...]
    order: int


SEARCHES = (
    Search("phones, lexicon, unigrams", ("phone",), 1),
    Search("three heads, lexicon, unigrams", ("word", "phone", "character"), 1),
    Search("phones, lexicon, bigrams", ("phone",), 2),
    Search("three heads, lexicon, bigrams", ("word", "phone", "character"), 2),
)


def told(record: EpochRecord) -> None:
    print(
        f"  epoch {record.epoch:>3}  {time.process_time() / 60:6.1f} CPU minutes  loss {record.train_loss:8.3f}  unit "
        f"errors {100 * record.valid_loss:6.2f} %",
        flush=True,
    )


def row(name: str, score: SpeechScore) -> str:
    low, high = score.interval
    counts = " ".join(f"{score.counts[kind]:>3}" for kind in ("substituted", "deleted", "inserted"))
    return (
        f"  {name:<34} {100 * score.wer:>7.2f} {100 * low:>6.2f} to {100 * high:<6.2f} {100 * score.cer:>6.2f} "
        f"{100 * score.sentences:>9.1f}   {counts}"
    )


def scored(part: Recordings, said: Sequence[str]) -> SpeechScore:
    return score_texts(part.texts, said, part.names, part.speakers)


def decoder(heads: Mapping[str, Head], seconds: float, predictor: Predictor, how: DecodingSettings | None) -> Decoder:
    return Decoder(heads, seconds, sorted(an4.lexicon().words), predictor, settings=how)


def searched(
    heads: Mapping[str, Head],
    seconds: float,
    found: Sequence[Emissions],
    part: Recordings,
    learnt: Recordings,
    chosen: dict[str, DecodingSettings],
    beside: Mapping[int, SpeechScore],
) -> Iterator[str]:
    """Yield a row for each search; weights that are not chosen yet are, on what is searched.

    beside  scores of a hidden Markov model by the order of the n-grams
    """
    lasting = len(part.frames.values) * 0.01
    for search in SEARCHES:
        own = {name: head for name, head in heads.items() if name.split("-")[0] in search.heads}
        if {name.split("-")[0] for name in own} != set(search.heads):
            continue
        ngrams = word_ngrams(learnt.texts, an4.lexicon(), search.order)
        finder = decoder(own, seconds, ngrams, None)
        if search.title not in chosen:
            chosen[search.title] = fit_decoding(finder, found, part.texts).settings
        finder = finder.with_settings(chosen[search.title])
        begun = time.process_time()
        said = [finder.decode(one).text for one in found]
        factor = (time.process_time() - begun) / lasting
        score = scored(part, said)
        paired = f"; {against(score, beside[search.order])}" if search.order in beside else ""
        yield f"{row(search.title, score)}   search {factor:.4f} of real time{paired}"


def greedy_rows(model: Recognizer, found: Sequence[Emissions], part: Recordings) -> Iterator[str]:
    for head in ("word", "character"):
        if head in model.units_:
            yield row(f"{head}s, greedy, no lexicon", scored(part, model.texts_of(found, head)))


def heard(model: Recognizer, part: Recordings) -> tuple[list[Emissions], float]:
    """Return what a model hears, and seconds of the processor over those of the recordings."""
    begun = time.process_time()
    found = model.emissions_of(part)
    return found, (time.process_time() - begun) / (len(part.frames.values) * 0.01)


def trained(
    settings: RecognizerSettings, features: Features, seed: int, learnt: Recordings, held: Recordings | None
) -> tuple[Recognizer, str]:
    model, begun = Recognizer(settings, features, seed), time.process_time()
    model.fit_recordings(learnt, held, an4.lexicon(), on_epoch=told)
    minutes, size = (time.process_time() - begun) / 60, sum(p.numel() for p in model.network_.parameters()) / 1e6
    return model, (
        f"seed {seed}: {minutes:.1f} CPU minutes, {size:.2f} M parameters, {model.history_[-1].epoch} epochs, "
        f"{len(model.left_out_)} recordings left out"
    )


def hidden_markov(learnt: Manifest, tried: Manifest, features: Features) -> dict[int, SpeechScore]:
    """Return what a hidden Markov model of phones, learnt from the same, scores, by the order of the n-grams."""
    frames = [frames_of_all(part.utterances, features) for part in (learnt, tried)]
    if isinstance(features, ReadyFrames):  # such models take the slopes themselves
        frames = [Ragged(np.ascontiguousarray(own.values[:, : an4.CEPSTRA]), own.offsets) for own in frames]
    model = HmmRecogniser(hmm.SETTINGS).fit(frames[0], hmm.texts(learnt), an4.lexicon(), hmm.speakers(learnt))
    scores = {}
    for order, weight in hmm.CHOSEN.items():
        scores[order], _ = hmm.scored(model, tried, frames[1], order, weight, learnt, an4.lexicon())
    return scores


def against(score: SpeechScore, other: SpeechScore) -> str:
    """Return by how much a score is better than the hidden Markov model's, speakers drawn."""
    found = compare(score, other, speakers=True)
    return f"{100 * found.value:+.2f} points better ({100 * found.low:+.2f} to {100 * found.high:+.2f})"


def alone(
    model: Recognizer, part: Recordings, learnt: Recordings, chosen: dict[str, DecodingSettings]
) -> Iterator[str]:
    """Yield the rows of a streaming model that knows nothing of a speaker when a recording begins."""
    if not model.settings.streaming:
        return
    yield "  each recording by itself, nothing known of the speaker:"
    found = model.emissions_of(replace(part, speakers=()))
    yield from greedy_rows(model, found, part)
    own = heads_of(model.units_, model.lexicon_)
    yield from searched(own, model.seconds_per_frame, found, part, learnt, chosen, {})


def chosen_at(path: Path) -> dict[str, DecodingSettings]:
    if not path.exists():
        return {}
    return {name: DecodingSettings(**own) for name, own in json.loads(path.read_text()).items()}


def tested(
    where: Path, name: str, learnt: Recordings, part: Recordings, beside: Mapping[int, SpeechScore]
) -> Iterator[str]:
    """Yield the rows of the test part: of the hidden Markov model, of each model, and of all together."""
    for order, score in beside.items():
        yield row(f"hidden Markov model, order {order}", score)
    chosen = chosen_at(where / f"{name}-weights.json")
    assert chosen, "weights of the search must have been chosen on the speakers held back, never on the test part"
    heads: dict[str, Head] = {}
    everything: list[Emissions] = [{} for _ in part.names]
    model = None
    for path in [*sorted(where.glob(f"{name}-all-?")), *sorted(where.glob(f"{name}-?"))]:
        model = Recognizer.load(path)
        found, factor = heard(model, part)
        yield f"\n{path.name}: network {factor:.4f} of real time; {(where / f'{path.name}.txt').read_text().strip()}"
        yield from greedy_rows(model, found, part)
        own = heads_of(model.units_, model.lexicon_)
        yield from searched(own, model.seconds_per_frame, found, part, learnt, dict(chosen), beside)
        yield from alone(model, part, learnt, dict(chosen))
        heads |= {f"{head}-{path.name}": one for head, one in own.items()}
        for all_of, one in zip(everything, found, strict=True):
            all_of |= {f"{head}-{path.name}": values for head, values in one.items()}
    if model is not None and len(heads) > len(model.units_):
        yield f"\nall of them together: {len(heads)} heads"
        shared = {}
        for title, how in chosen.items():
            weights = {head: how.shares(how.heads or model.units_).get(head.split("-")[0], 0.0) for head in heads}
            shared[title] = DecodingSettings(how.beam, how.language, how.bonus, weights)
        yield from searched(heads, model.seconds_per_frame, everything, part, learnt, shared, beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="learn from all training speakers, and score nothing")
    parser.add_argument("--test", action="store_true", help="read the test part")
    parser.add_argument("--again", action="store_true", help="score models that are kept on the speakers held back")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--streaming", action="store_true")
    parser.add_argument(
        "--no-hmm", action="store_true", help="read the test part without a hidden Markov model beside it"
    )
    parser.add_argument("--ready", action="store_true", help="learn from cepstra that are ready")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, default=WHERE, help="folder for models and emissions")
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    own = {"streaming": True} if given.streaming else {}
    settings = RecognizerSettings(**given_settings(RecognizerSettings, given.set, "a recogniser", own))
    kind = f"{'-streaming' if given.streaming else ''}{'-cepstra' if given.ready else ''}"
    name = f"an4{kind}"
    source = an4.ready_part if given.ready else an4.part
    features = ReadyFrames(3 * an4.CEPSTRA) if given.ready else Recognizer().features
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "kaldi-native-fbank")}
    lines = header(f"AN4 by the recogniser{kind.replace('-', ', ')}, one thread", versions)
    with tempfile.TemporaryDirectory() as where:
        training = source("train", Path(where))
        learnt, tried = an4.divided(training)
        if given.all or given.test:
            learnt, tried = training, source("test", Path(where)) if given.test else None
        taught = read_recordings(learnt, features)
        part = None if tried is None else read_recordings(tried, features)
        beside = (
            hidden_markov(learnt, tried, features if given.ready else CEPSTRA)
            if given.test and not given.no_hmm
            else {}
        )
    if part is None:
        for seed in range(given.first, given.first + given.seeds):
            model, said = trained(settings, features, seed, taught, None)
            model.save(given.keep / f"{name}-all-{seed}", force=True)
            (given.keep / f"{name}-all-{seed}.txt").write_text(said + "\n")
        return
    lines += [
        "",
        f"Learnt from {len(learnt):,} recordings of {len(learnt.speakers)} speakers"
        f"{' unless a model says otherwise' if given.test else ''}, scored on {len(part):,} of "
        f"{len(set(part.speakers))} others. Errors in %.",
        "N-grams are learnt from the transcripts of the training part; many sentences recur among speakers.",
        f"Settings: the defaults{', but ' + ', '.join(given.set) if given.set else ''}.",
        "",
        HEAD,
    ]
    result = f"speech-recogniser{kind}{'-test' if given.test else ''}.txt"
    if given.test:
        lines[-3] += f" Weights of the search are those chosen on speakers held back from training, by {name}-0."
        for line in tested(given.keep, name, taught, part, beside):
            lines.append(line)
            write(result, lines)
        return
    lines[-2] = "Weights of the search are chosen on what is scored here, which flatters a little."
    chosen: dict[str, DecodingSettings] = {}
    for seed in range(given.first, given.first + given.seeds):
        place = given.keep / f"{name}-{seed}"
        if given.again:
            model, said = Recognizer.load(place), place.with_suffix(".txt").read_text().strip()
        else:
            model, said = trained(settings, features, seed, taught, part)
            said += f", learnt without {len(part.speakers)} recordings that were held back"
            model.save(place, force=True)
        found, factor = heard(model, part)
        place.with_suffix(".txt").write_text(said + "\n")
        lines.append(f"\n{said}; network {factor:.4f} of real time")
        lines += greedy_rows(model, found, part)
        own_heads = heads_of(model.units_, model.lexicon_)
        lines += searched(own_heads, model.seconds_per_frame, found, part, taught, chosen, {})
        lines += alone(model, part, taught, dict(chosen))
        write(result, lines)
    weights = {title: vars(how) for title, how in chosen.items()}
    (given.keep / f"{name}-weights.json").write_text(json.dumps(weights, indent=2) + "\n")


if __name__ == "__main__":
    main()
