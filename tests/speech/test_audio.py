"""A recording of any kind is read to the same samples; what is none is refused in one line."""

from __future__ import annotations

import builtins
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.speech import read_audio, stream_audio

pytest.importorskip("soundfile", reason="the extra speech is not installed")


@pytest.mark.parametrize(
    ("name", "subtype", "near"),
    [
        ("a.wav", "PCM_U8", 0.008),
        ("a.wav", "PCM_16", 4e-5),
        ("a.wav", "PCM_24", 2e-7),
        ("a.wav", "PCM_32", 1e-7),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.wav", "ULAW", 0.02),
        ("a.flac", "PCM_16", 4e-5),
        ("a.flac", "PCM_24", 2e-7),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
        ("a.aiff", "PCM_16", 4e-5),
        ("no_ending", "PCM_16", 4e-5),
        ("a.raw", "PCM_16", 4e-5),
    ],
)
def test_every_format_and_depth_gives_the_samples(write, tone, name, subtype, near):
    kind = name if "." in name and not name.endswith("raw") else "a.wav"
    path = write(kind, tone, subtype=subtype)
    path = path.rename(path.with_name(name))
    found = read_audio(path)
    assert found.dtype == np.float32 and abs(len(found) - len(tone)) <= (0 if near < 0.03 else 2400)
    if near < 0.03:
        np.testing.assert_allclose(found, tone, atol=near)
    else:  # a codec that loses: the middle holds the same tone at the same level
        middle = found[2000:6000]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(4000)))
        assert int(spectrum.argmax()) == 110 and abs(np.sqrt(2 * np.mean(middle**2)) - 0.5) < near


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_another_rate_gives_the_same_tone(write, tone, rate):
    seconds = 0.5
    times = np.arange(int(seconds * rate)) / rate
    found = read_audio(write("a.wav", 0.5 * np.sin(2 * np.pi * 440 * times), rate, "FLOAT"))
    assert abs(len(found) - 8000) <= 2
    np.testing.assert_allclose(found[800:7200], tone[800:7200], atol=2e-3)


def test_the_rate_asked_for_is_that_of_what_comes_back(write, tone):
    assert len(read_audio(write("a.wav", tone), rate=8000)) == 4000


def test_channels_are_averaged(write, tone):
    stereo = np.stack([tone, np.zeros_like(tone), 0.5 * tone], axis=1)
    np.testing.assert_allclose(read_audio(write("a.wav", stereo, subtype="FLOAT")), 0.5 * tone, atol=1e-7)


def test_silence_and_clipping_are_recordings(write, tone):
    assert not read_audio(write("silent.wav", np.zeros(8000))).any()
    loud = read_audio(write("loud.wav", np.clip(10 * tone, -1, 1)))
    assert loud.max() > 0.99 and (np.abs(loud) > 0.99).mean() > 0.8


def test_a_part_is_that_of_the_whole(write, tone):
    path = write("a.wav", tone, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(path, start=0.1, end=0.3), read_audio(path)[1600:4800])
    np.testing.assert_array_equal(read_audio(path, start=0.1, end=9), read_audio(path)[1600:])


def test_blocks_of_a_long_recording_are_what_reading_it_at_once_returns(write):
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 44_100)
    path = write("a.wav", noise, 44_100, "FLOAT")
    blocks = list(stream_audio(path))
    assert len(blocks) > 3
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path))
    import soxr

    np.testing.assert_allclose(read_audio(path), soxr.resample(noise.astype(np.float32), 44_100, 16_000), atol=1e-5)


def test_standard_input_is_read(write, tone, monkeypatch):
    path = write("a.wav", tone)
    with path.open("rb") as file:
        whole = io.BytesIO(file.read())
    opened = builtins.open
    monkeypatch.setattr(builtins, "open", lambda name, *rest, **more: opened(path if name == 0 else name, "rb"))
    assert whole.getbuffer().nbytes > 16_000
    np.testing.assert_allclose(read_audio("-"), tone, atol=4e-5)


def refused(path: object, **how: object) -> str:
    with pytest.raises(InputError) as error:
        read_audio(path, **how)
    return str(error.value)


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"\x00" * 5000, b"RIFF\x00\x00\x00\x00WAVE", b"\x89PNG\r\n\x1a\n" + bytes(200), b"f"]
)
def test_what_is_no_sound_is_refused(write, tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    assert "a.wav: no sound that can be read (" in refused(tmp_path / "a.wav")


def test_files_without_samples_are_refused(write, tmp_path):
    (tmp_path / "e.wav").write_bytes(b"")
    assert refused(tmp_path / "e.wav").endswith("e.wav: the file is empty")
    assert refused(write("none.wav", np.zeros(0))).endswith("holds no samples")
    assert refused(write("short.wav", np.ones(399) * [0.1])).endswith(
        "24.9 ms of sound are shorter than a window of 25 ms"
    )


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_that_is_cut_short_is_refused(write, name, share):
    noise = np.random.default_rng(0).normal(0, 0.1, 64_000)
    path = write(name, noise)
    assert len(read_audio(path)) > 60_000
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    message = refused(path)
    assert "cut short" in message or "no sound that can be read" in message


def test_the_decoder_says_nothing_of_a_cut_mp3(write, capfd):
    path = write("a.mp3", np.random.default_rng(0).normal(0, 0.1, 64_000))
    path.write_bytes(path.read_bytes()[:9000])
    assert "cut short: 9,000 of the " in refused(path)
    assert capfd.readouterr().err == ""


def test_a_file_from_a_pipe_promises_nothing(write, tone):
    path = write("a.wav", tone)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    np.testing.assert_allclose(read_audio(path), tone, atol=4e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_numbers_are_refused(write, tone, value):
    tone[4000] = value
    assert refused(write("a.wav", tone, subtype="FLOAT")).endswith(
        f"the sample at 0.250 s is {np.float32(value)}; write the file again"
    )


def test_a_constant_is_no_sound(write):
    assert "every sample is 0.25: a constant and no sound" in refused(write("a.wav", np.full(8000, 0.25)))


def test_parts_that_are_not_there_are_refused(write, tone):
    path = write("a.wav", tone)
    assert "the start, 0.6 s, is after its end, 0.50 s" in refused(path, start=0.6)
    assert "the end, 0.1 s, must be after the start, 0.2 s" in refused(path, start=0.2, end=0.1)
    assert "start must not be negative" in refused(path, start=-1.0)


def test_paths_that_are_no_files_are_refused(write, tmp_path):
    assert refused(tmp_path / "gone.wav").endswith("gone.wav: no such file")
    assert refused(tmp_path).endswith("is a folder, not a file")
    assert refused("/dev/zero") == "/dev/zero: a device, not a file"
    assert "a URL, not a file" in refused("https://example.org/a.wav")


def test_a_rate_of_no_recording_is_refused(write, tone):
    assert "1,000 samples a second; from 2,000 to 1,000,000 are possible" in refused(write("a.wav", tone, 1000))


@pytest.mark.parametrize("package", ["soundfile", "soxr"])
def test_a_missing_extra_is_named(tmp_path, write, tone, monkeypatch, package):
    path: Path = write("a.wav", tone, 8000)
    monkeypatch.setitem(sys.modules, package, None)
    assert refused(path) == f"speech needs the package {package}: pip install 'lstmkit[speech]'"
