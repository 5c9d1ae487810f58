"""Captions of made-up skeletons, arrays and clips: read, learnt, written, saved; and where a recording is cut."""

from __future__ import annotations

import dataclasses
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1]))
from bodies import NAMES, body
from films import moving, write_film

from lstmkit import InputError
from lstmkit.errors import ModelFolderError, NotFittedError
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.neural.network import precision_note
from lstmkit.language.translate import SearchSettings
from lstmkit.video import ArraySettings, Captioner, CaptionSettings, PictureSettings, SkeletonSettings
from lstmkit.video.captions.along import say
from lstmkit.video.captions.judgement.yardsticks import frequent_caption, nearest_captions
from lstmkit.video.captions.reading import read_captioned
from lstmkit.video.captions.settings import OF_PICTURES
from lstmkit.video.captions.shots import shots_of
from lstmkit.video.rows import Asked

SMALL = CaptionSettings(
    embedding_size=12,
    hidden_size=16,
    decoder_layers=1,
    relative=2,
    normalise="together",
    input_dropout=0.0,
    hidden_dropout=0.0,
    output_dropout=0.0,
    batch_size=8,
    learning_rate=0.02,
    warmup=5,
    epochs=10,
)
BODIES = SkeletonSettings(NAMES)
SAID = {
    "left": ("Somebody raises the left hand.", "the left arm goes up"),
    "right": ("Somebody raises the right hand!", "the right arm goes up"),
}


def write_said(folder: Path, count: int = 24) -> tuple[Path, dict[str, list[str]]]:
    """Write skeletons, and return their folder and what is said of each."""
    folder.mkdir()
    random, told = np.random.default_rng(0), {}
    for number in range(count):
        side = ("left", "right")[number % 2]
        np.save(folder / f"clip{number}.npy", body(side, random, 1 + number / 20))
        told[f"clip{number}"] = list(SAID[side])
    return folder, told


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return write_said(tmp_path_factory.mktemp("said") / "bodies")


@pytest.fixture(scope="module")
def fitted(said):
    folder, told = said
    return Captioner(SMALL, BODIES).fit(folder, told)


def test_what_is_done_is_said_and_where_it_was_seen(fitted, said):
    folder, told = said
    names = sorted(told)
    paths = [folder / f"{name}.npy" for name in names]
    found = fitted.caption(paths)
    clean = {side: {text.lower().rstrip(".!") for text in several} for side, several in SAID.items()}
    right = [text in clean["right" if int(name[4:]) % 2 else "left"] for text, name in zip(found, names, strict=True)]
    assert np.mean(right) > 0.9
    rows, _ = fitted.read(paths[:2])
    best = fitted.search(rows.frames, SearchSettings(best=3))
    assert [one.score for one in best[0]] == sorted((one.score for one in best[0]), reverse=True)
    one = best[0][0]
    assert one.attention.shape == (len(one.written), 20) and one.text == " ".join(one.written)
    np.testing.assert_allclose(one.attention.sum(1), 1, rtol=1e-5)
    assert [own[0].text for own in fitted.search(rows.frames, also=[fitted])] == [own[0].text for own in best]


def test_a_model_is_the_same_after_it_was_loaded(fitted, said, tmp_path):
    folder, told = said
    fitted.save(tmp_path / "model")
    again = Captioner.load(tmp_path / "model")
    assert again.caption(folder) == fitted.caption(folder) and again.frames == BODIES
    given = read_captioned(folder, BODIES, Asked(None), told)
    assert again.loss(given) == fitted.loss(given) < 1.5
    assert (again.tokens_, again.longest_, again.settings) == (fitted.tokens_, fitted.longest_, SMALL)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    del config["sha256"]
    config["channels"] = config["channels"][:-1]
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="do not belong together"):
        Captioner.load(tmp_path / "model")


def test_a_resumed_training_is_the_uninterrupted_one(said, tmp_path):
    folder, told = said
    how = dataclasses.replace(SMALL, epochs=3, input_dropout=0.2)
    whole = Captioner(how, BODIES).fit(folder, told)

    def stop(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Captioner(how, BODIES).fit(folder, told, on_epoch=stop, checkpoint=tmp_path / "kept")
    again = Captioner(how, BODIES).fit(folder, told, checkpoint=tmp_path / "kept", resume=True)
    for own, other in zip(whole.network_.state_dict().values(), again.network_.state_dict().values(), strict=True):
        assert torch.equal(own, other)


def test_a_processor_without_bfloat16_is_said(said):
    note = precision_note("bfloat16")
    with pytest.warns(UserWarning, match=note) if note else nullcontext():
        Captioner(dataclasses.replace(SMALL, precision="bfloat16", epochs=1), BODIES).fit(*said)


def test_captions_stand_in_tables_or_in_files_beside_the_clips(said, tmp_path):
    folder, told = said
    rows = [(f"bodies/{name}.npy", text, f"p{int(name[4:]) % 3}") for name, own in told.items() for text in own]
    table = folder.parent / "captions.csv"
    pl.DataFrame(rows, schema=["video", "caption", "person"], orient="row").write_csv(table)
    found = read_captioned(table, BODIES, Asked(None, "person"))
    assert len(found) == 24 and found.rows.ids[:2] == ["bodies/clip0.npy", "bodies/clip1.npy"]
    assert found.captions[0] == ("somebody raises the left hand", "the left arm goes up")
    assert found.rows.groups[:4] == ["p0", "p1", "p2", "p0"]
    training, held = found.split(0.3, 0)
    assert not set(training.rows.groups) & set(held.rows.groups) and len(training) + len(held) == 24
    assert read_captioned(table, BODIES, Asked(None), cased=True).captions[0][0] == "Somebody raises the left hand."
    entries = [{"id": f"{name}.avi", "caption": [*own, " "]} for name, own in told.items()]
    beside = tmp_path / "told.json"
    beside.write_text(json.dumps([*entries, {"id": "gone", "caption": "x"}]))
    other = read_captioned(folder, BODIES, Asked(None), beside)
    by_name = dict(zip(found.rows.ids, found.captions, strict=True))
    assert all(by_name[f"bodies/{name}"] == own for name, own in zip(other.rows.ids, other.captions, strict=True))
    assert "1 of 25 names of clips are not among the clips given" in other.notes[0]
    pl.DataFrame(
        [(name, text) for name, own in told.items() for text in own], schema=["id", "caption"], orient="row"
    ).write_csv(tmp_path / "told.csv")
    assert read_captioned(folder, BODIES, Asked(None), tmp_path / "told.csv").captions == other.captions


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[{", "no JSON"),
        ("[]", "holds no captions"),
        ('[{"id": "clip0", "caption": 3}]', "entry 1 must have the name of a clip"),
        ('{"clip0": ["a man"], "clip1": ["  . "]}', "23 of 24 clips have no caption, first 'clip1.npy'"),
    ],
)
def test_captions_that_cannot_be_used_are_refused(said, tmp_path, content, words):
    (tmp_path / "told.json").write_text(content)
    with pytest.raises(InputError, match=words):
        read_captioned(said[0], BODIES, Asked(None), tmp_path / "told.json")


def test_what_else_cannot_be_used_is_refused(said, fitted, tmp_path):
    folder, told = said
    with pytest.raises(
        InputError, match="nothing says what is seen in the clips; give a table with a row a caption, or"
    ):
        read_captioned(folder, BODIES, Asked(None))
    table = pl.DataFrame({"video": ["a.npy"], "text": ["b"]})
    with pytest.raises(InputError, match="nothing is called 'caption'"):
        read_captioned(table, BODIES, Asked(None))
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"needs a column that names clips \(id\) and one of captions"):
        read_captioned(folder, BODIES, Asked(None), tmp_path / "x.csv")
    with pytest.raises(NotFittedError, match="Captioner: not fitted yet; call fit first"):
        Captioner(SMALL, BODIES).caption(folder)
    with pytest.raises(InputError, match="every caption has more than 1 words"):
        Captioner(dataclasses.replace(SMALL, longest=1), BODIES).fit(folder, told)
    with pytest.raises(InputError, match="1 clips are too few to hold back 10 % of them"):
        Captioner(SMALL, BODIES).fit([folder / "clip0.npy"], told)
    unnamed = Captioner.load(_saved(fitted, tmp_path))
    unnamed.frames = SkeletonSettings()
    with pytest.raises(InputError, match="it lacks"):
        unnamed.caption(folder)
    with pytest.raises(InputError, match="CaptionSettings: sampling divides words"):
        CaptionSettings(sampling=0.1)
    other = Captioner(dataclasses.replace(SMALL, epochs=1), BODIES).fit(folder, {name: ["a b"] for name in told})
    with pytest.raises(InputError, match="model 2: has other words or frames than the first"):
        fitted.search(fitted.read([folder / "clip0.npy"])[0].frames, also=[other])


def _saved(model: Captioner, folder: Path) -> Path:
    model.save(folder / "saved")
    return folder / "saved"


def test_arrays_are_read_as_they_are(tmp_path):
    random = np.random.default_rng(0)
    for number in range(12):
        np.save(tmp_path / f"{number}.npy", random.normal(size=(6, 5)) + 3 * (number % 2))
    told = {str(number): ["it is high" if number % 2 else "it is low"] for number in range(12)}
    how = dataclasses.replace(SMALL, relative=0, normalise="features", convolution=1, filters=8)
    model = Captioner(how, ArraySettings()).fit(tmp_path, told)
    assert model.caption(tmp_path / "3.npy") == ["it is high"] and model.caption(tmp_path / "4.npy") == ["it is low"]
    np.save(tmp_path / "9.npy", np.zeros((4, 3)))
    with pytest.raises(InputError, match=r"9.npy: has 3 numbers a frame where the first has 5; give the same"):
        model.caption(tmp_path)
    np.save(tmp_path / "9.npy", np.zeros((4, 3, 2)))
    with pytest.raises(InputError, match=r"frames must be \(steps, numbers\); got \(4, 3, 2\)"):
        model.caption(tmp_path)
    film = write_film(tmp_path / "a.mp4", moving("left"))
    with pytest.raises(InputError, match="the model reads arrays, and these are videos"):
        model.caption(film)


def test_times_of_a_table_that_are_dates_are_told_as_steps():
    random = np.random.default_rng(0)
    day = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 8), eager=True).alias("time")
    tables = [pl.DataFrame({"id": [str(k)] * 8, "time": day, "a": random.normal(size=8) + k % 2}) for k in range(8)]
    table = pl.concat(tables)
    told = {str(k): ["it is high" if k % 2 else "it is low"] for k in range(8)}
    how = dataclasses.replace(SMALL, relative=0, normalise="features", epochs=1)
    model = Captioner(how, ArraySettings("id", "time")).fit(table, told)
    rows, _ = model.read(table)
    assert rows.times is not None
    assert {(one.start, one.end) for one in say(model, rows, SearchSettings(width=1), shots=True)} == {(1.0, 8.0)}


def test_videos_are_said_shot_by_shot(tmp_path):
    for way in ("left", "right"):
        for number in range(4):
            write_film(tmp_path / "clips" / f"{way}{number}.mp4", moving(way, 14 + number))
    told = {path.stem: [f"it moves {path.stem[:-1]}"] for path in (tmp_path / "clips").iterdir()}
    how = dataclasses.replace(SMALL, relative=0, normalise="features", epochs=4, **OF_PICTURES)
    model = Captioner(how, PictureSettings("grid"), cache=tmp_path / "kept").fit(tmp_path / "clips", told)
    pictures = [255 - own for own in moving("right", 20)]
    film = write_film(tmp_path / "long.mp4", moving("left", 20) + pictures)
    rows, _ = model.read(film)
    parts = say(model, rows, SearchSettings(), shots=True)
    assert [(one.start, one.end) for one in parts] == [(0, 2.5), (2.5, 5)]
    whole = say(model, rows, SearchSettings(best=2))
    assert len(whole) == 1 and (whole[0].start, whole[0].end) == (0, 5) and len(whole[0].captions) == 2
    assert parts[1].cue.start == 2500 and parts[1].to_json()["caption"] == parts[1].captions[0].text


def test_shots_are_cut_where_frames_jump_and_nowhere_else():
    random = np.random.default_rng(0)
    calm = np.sin(np.linspace(0, 3, 90))[:, None] + 0.05 * random.normal(size=(90, 4))
    assert shots_of(calm, 8) == [(0, 90)]
    cut = calm + np.repeat([0.0, 5.0, -3.0], 30)[:, None]
    assert shots_of(cut, 8) == [(0, 30), (30, 60), (60, 90)]
    flash, pan = calm.copy(), calm.copy()
    flash[40] += 9  # one frame is no shot, and what comes after it is what came before
    pan[30:50] += np.linspace(0, 9, 20)[:, None]
    pan[50:] += 9
    assert shots_of(flash, 8) == shots_of(pan, 8) == [(0, 90)]
    assert shots_of(np.zeros((50, 3)), 8) == [(0, 50)] and shots_of(cut[:5], 8) == [(0, 5)]


def test_yardsticks_are_the_nearest_clip_and_the_most_frequent_caption(said):
    given = read_captioned(said[0], BODIES, Asked(None), said[1])
    rows = np.arange(24)
    training, test = given.select(rows[:16]), given.select(rows[16:])
    found = nearest_captions(training, test)
    assert all(text in {own for several in training.captions for own in several} for text in found)
    assert nearest_captions(training, training.select(rows[:3])) == [own[0] for own in training.captions[:3]]
    assert (
        frequent_caption(dataclasses.replace(training, captions=(("b", "a"), ("a", "c"), *training.captions[2:4])))
        == "a"
    )


def test_a_language_model_is_the_beginning_of_what_writes(said, tmp_path):
    folder, told = said
    text = tmp_path / "lines.txt"
    text.write_text("".join(text.lower().rstrip(".!") + "\n" for own in told.values() for text in own) * 8)
    settings = dataclasses.replace(
        LanguageSettings.of("word"), embedding_size=16, hidden_size=16, num_layers=2, epochs=4
    )
    model = LanguageModel("word", settings).fit(text)
    short = dataclasses.replace(SMALL, epochs=1, learning_rate=1e-6, average=None)
    begun = Captioner(short, BODIES).fit(folder, told, start=model)
    given = read_captioned(folder, BODIES, Asked(None), told)
    total, count = 0.0, 0
    for caption in (own for several in given.captions for own in several):
        ids = torch.from_numpy(model.tokens_.encode(caption + "\n").astype(np.int64)).unsqueeze(1)
        first = torch.cat([torch.full((1, 1), model.tokens_.end), ids[:-1]])
        total -= float(model.network_.eval().target_log_probs(first, ids, None)[0].detach().sum())
        count += len(ids)
    assert begun.settings.decoder_layers == 2 and begun.settings.hidden_size == 16
    assert begun.loss(given) == pytest.approx(total / count, abs=0.03)  # a tanh more, and one small epoch
    wide = LanguageModel("word", dataclasses.replace(settings, hidden_size=24, epochs=1)).fit(text)
    with pytest.raises(InputError, match="start: its layers have widths 16, 24, 16, and a captioner needs one width"):
        Captioner(short, BODIES).fit(folder, told, start=wide)
    letters = dataclasses.replace(LanguageSettings.of("character"), embedding_size=16, hidden_size=16, epochs=1)
    with pytest.raises(InputError, match="start: a model of characters, and captions are written word by word"):
        Captioner(short, BODIES).fit(folder, told, start=LanguageModel("character", letters).fit(text))
    with pytest.raises(InputError, match="start: a fitted language model is needed; got int"):
        Captioner(short, BODIES).fit(folder, told, start=3)
