"""Features that were computed elsewhere: read from files of numpy, learnt from, recognised, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

from toys import FEATURES, LEXICON, RATE, SMALL, corpus, spoken, texts

from lstmkit import InputError
from lstmkit.speech import ReadyFrames, Recognizer, Transcriber, frames_of, read_manifest, refuse_shared
from lstmkit.speech.features import frames_of_all
from lstmkit.speech.ready import ReadyFiles

WIDTH = FEATURES.width
QUICK = dataclasses.replace(SMALL, epochs=2)


def arrays(folder: Path, count: int, seed: int) -> Path:
    """Write the frames of toys as ready features, with a table beside them; return the file of arrays."""
    frames, lines = {}, ["utt_id,transcript,speaker"]
    for number, text in enumerate(texts(count, seed)):
        frames[f"s{number % 4}/u{number}"] = frames_of(spoken(text, 0.9 + 0.06 * (number % 4), number), FEATURES)
        lines.append(f"s{number % 4}/u{number},{text},s{number % 4}")
    np.savez_compressed(folder / f"toys-{seed}.npz", **frames)
    (folder / f"toys-{seed}.csv").write_text("\n".join(lines) + "\n")
    return folder / f"toys-{seed}.npz"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    arrays(folder, 64, 1)
    arrays(folder, 16, 2)
    return folder


@pytest.fixture(scope="module")
def learnt(where: Path) -> Recognizer:
    return Recognizer(SMALL, ReadyFrames(WIDTH)).fit(where / "toys-1.npz", LEXICON, valid=where / "toys-2.npz")


def test_a_file_of_arrays_and_the_table_beside_it_are_a_list(where: Path) -> None:
    found = read_manifest(where / "toys-1.npz")
    assert [one.text for one in found.utterances] == texts(64, 1)
    assert found.speakers == ("s0", "s1", "s2", "s3") and found.utterances[5].name == "s1/u5"
    frames = frames_of_all(found.utterances, ReadyFrames(WIDTH))
    own = frames_of(spoken(texts(64, 1)[5], 0.96, 5), FEATURES)
    np.testing.assert_array_equal(frames[5], own)


def test_the_language_is_learnt_from_them(learnt: Recognizer, where: Path) -> None:
    assert learnt.score(where / "toys-2.npz").wer < 0.1
    one = np.load(where / "toys-2.npz")["s0/u0"]
    assert learnt.transcribe(one) == [texts(16, 2)[0]]
    assert learnt.seconds_per_frame == pytest.approx(SMALL.stack * 0.01)


def test_a_model_of_them_read_again_is_the_same(learnt: Recognizer, where: Path, tmp_path: Path) -> None:
    learnt.save(tmp_path / "model")
    read = Recognizer.load(tmp_path / "model")
    assert read.features == ReadyFrames(WIDTH)
    found = Transcriber(read).transcribe_all(read_manifest(where / "toys-2.npz", transcripts=False).utterances)
    right = [own.text == one.text for one, own in found]
    assert sum(right) >= 14
    first = next(iter(Transcriber(read).transcribe_all(read_manifest(where / "toys-2.npz").utterances[:1])))[1]
    assert first.seconds == pytest.approx(len(np.load(where / "toys-2.npz")["s0/u0"]) * 0.01)
    assert all(0 <= word.start < word.end <= first.seconds + 0.04 for word in first.words)


def test_the_time_from_frame_to_frame_is_that_which_is_given(where: Path) -> None:
    model = Recognizer(QUICK, ReadyFrames(WIDTH, shift=12.5)).fit(where / "toys-2.npz", LEXICON)
    assert model.seconds_per_frame == pytest.approx(SMALL.stack * 0.0125)


def test_a_table_may_name_files_of_single_arrays(tmp_path: Path) -> None:
    frames = np.arange(12, dtype=np.float64).reshape(4, 3)
    np.save(tmp_path / "a.npy", frames)
    np.savez(tmp_path / "b.npz", x=frames + 1)
    (tmp_path / "list.csv").write_text("audio,id,text\na.npy,a,one\nb.npz,x,two\n")
    found = frames_of_all(read_manifest(tmp_path / "list.csv").utterances, ReadyFrames(3))
    np.testing.assert_array_equal(found[0], frames)
    np.testing.assert_array_equal(found[1], frames + 1)


def test_the_same_features_in_both_parts_are_found_whatever_their_names(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(3, 5, 2))
    np.savez(tmp_path / "a.npz", u=frames[0], v=frames[1])
    np.savez(tmp_path / "b.npz", w=frames[1], x=frames[2])
    (tmp_path / "a.csv").write_text("id,text\nu,one\nv,two\n")
    (tmp_path / "b.csv").write_text("id,text\nw,two\nx,three\n")
    one, other = (read_manifest(tmp_path / name) for name in ("a.npz", "b.npz"))
    with pytest.raises(InputError, match=r"1 of 2 test recordings are in the training part too, first 'w'"):
        refuse_shared(one, other)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones(5), r"ready features are numbers of shape \(frames, channels\); got float64 \(5,\)"),
        (np.ones((0, WIDTH)), r"shape \(frames, channels\); got float64 \(0, 16\)"),
        (np.array([["a"] * WIDTH]), r"shape \(frames, channels\); got <U1 \(1, 16\)"),
        (np.ones((9, 13)), "has 13 channels where 16 are read; give the same features"),
        (np.ones((WIDTH, 90)), r"has 90 channels where 16 are read \(is the array on its side\?\)"),
        (np.where(np.arange(9)[:, None] == 4, np.nan, np.ones((9, WIDTH))), "frame 4 holds nan; compute it again"),
        (np.full((2, WIDTH), 1e300), "frame 0 holds 1e.300; compute it again"),
    ],
)
def test_what_is_no_such_features_is_refused(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.savez(tmp_path / "a.npz", u=array)
    (tmp_path / "a.csv").write_text("id,text\nu,one\n")
    with pytest.raises(InputError, match=f"a.npz: 'u': .*{said}"):
        frames_of_all(read_manifest(tmp_path / "a.npz").utterances, ReadyFrames(WIDTH))


def test_what_is_missing_beside_them_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", u=np.ones((5, 2)), v=np.ones((5, 2)))
    with pytest.raises(
        InputError, match=r"a.npz: no table beside it says what is said; write a.csv, with the columns id"
    ):
        read_manifest(tmp_path / "a.npz")
    assert [one.name for one in read_manifest(tmp_path / "a.npz", transcripts=False).utterances] == ["u", "v"]
    (tmp_path / "a.csv").write_text("text\none\n")
    with pytest.raises(InputError, match=r"a.csv: no column id, the names of the arrays of a.npz \(columns: 'text'\)"):
        read_manifest(tmp_path / "a.npz")
    (tmp_path / "a.csv").write_text("id,text\nu,one\nw,two\n")
    with pytest.raises(
        InputError, match=r"1 of 2 utterances have no array in a.npz, first 'w'; column id must name one of 'u'"
    ):
        read_manifest(tmp_path / "a.npz")
    (tmp_path / "list.csv").write_text("audio,id,text,start\na.npz,u,one,1\n")
    with pytest.raises(InputError, match=r"'u': ready features are read whole; save the part as an array"):
        read_manifest(tmp_path / "list.csv")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(InputError, match=r"no file of arrays that can be read; write it with numpy.savez"):
        read_manifest(tmp_path / "b.npz", transcripts=False)
    (tmp_path / "a.csv").write_text("id,text\nu,one\n")
    with pytest.raises(InputError, match=r"has no array 'x' \(arrays: 'u', 'v'\)"):
        ReadyFiles().array(dataclasses.replace(read_manifest(tmp_path / "a.npz", False).utterances[0], name="x"))


def test_sound_and_features_are_not_taken_for_each_other(learnt: Recognizer, where: Path, tmp_path: Path) -> None:
    sound = corpus(tmp_path, 4, 9)
    with pytest.raises(InputError, match=r"wav: this recogniser reads ready features of 16 channels and no sound"):
        learnt.score(sound)
    with pytest.raises(InputError, match=r"npz: holds ready features, and this recogniser computes its own of sound"):
        Recognizer(QUICK, FEATURES).fit(where / "toys-2.npz", LEXICON)
    with pytest.raises(InputError, match="this recogniser reads ready features of 16 channels and hears no sound"):
        Transcriber(learnt).transcribe(spoken("do", 1.0, 1))
    with pytest.raises(InputError, match="noise is added to the energies of bands, and these frames are none"):
        learnt.fit(where / "toys-2.npz", LEXICON, noise=np.ones(RATE, np.float32))
    with pytest.raises(InputError, match="ReadyFrames: shift must be from 1 to 1000 ms; got 0"):
        ReadyFrames(3, shift=0)
