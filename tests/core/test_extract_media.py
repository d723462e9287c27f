"""Reading recordings and films: what they say of themselves, their sound, and the picture that stands for them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageStat

from core.errors import UnreadableError
from core.extract import audio
from core.extract.audio import RATE_HZ, decode_sound
from core.extract.registry import read
from core.types import Extraction, Kind
from tests.core.media_maker import tone, write_film, write_sound


def decoded(path: Path) -> tuple[np.ndarray, float]:
    pcm = path.with_name("sound.pcm")
    with pcm.open("wb") as out:
        seconds = decode_sound(path, out)
    return np.fromfile(pcm, "<f4"), seconds


def pitch_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE_HZ / len(samples))


def halves(colour_left: str, colour_right: str, size: tuple[int, int] = (160, 120)) -> Image.Image:
    picture = Image.new("RGB", size, colour_left)
    ImageDraw.Draw(picture).rectangle((size[0] // 2, 0, *size), fill=colour_right)
    return picture


def preview(extraction: Extraction) -> Image.Image:
    assert extraction.preview is not None
    return Image.open(io.BytesIO(extraction.preview))


RECORDINGS = [
    ("a.wav", "pcm_s16le"), ("a.wav", "pcm_u8"), ("a.wav", "pcm_s24le"), ("a.wav", "pcm_f32le"), ("a.flac", "flac"),
    ("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.ogg", "libopus"), ("a.opus", "libopus"), ("a.aiff", "pcm_s16be"),
    ("a.wma", "wmav2"), ("a.mka", "flac"), ("a.caf", "pcm_s16le"), ("a.au", "pcm_s16be"), ("a.wv", "wavpack"),
    ("a.ac3", "ac3"), ("a.w64", "pcm_s16le"), ("a.mp2", "mp2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), RECORDINGS)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_every_recording_is_heard(tmp_path: Path, name: str, codec: str, layout: str) -> None:
    rate_hz = 48_000 if codec == "libopus" else 44_100
    path = write_sound(tmp_path / name, tone(2.0, 440, rate_hz), codec, layout=layout, rate_hz=rate_hz)
    extraction = read(path)
    assert extraction.kind is Kind.AUDIO
    assert extraction.metadata.has_audio
    assert extraction.metadata.duration_s == pytest.approx(2.0, abs=0.15)
    samples, seconds = decoded(path)
    assert samples.dtype == np.float32
    assert seconds == len(samples) / RATE_HZ
    assert seconds == pytest.approx(2.0, abs=0.1)
    middle = samples[RATE_HZ // 2 : -RATE_HZ // 2]
    assert pitch_hz(middle) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1), "as loud on two channels as on one"


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.flac", "flac"), ("a.ogg", "libopus"), ("a.mka", "flac")],
)
def test_tags(tmp_path: Path, name: str, codec: str) -> None:
    tags = {"title": "Lied der Boote", "artist": "Ann  Müller", "album": "Hafen", "date": "2020-02-03"}
    rate_hz = 48_000 if codec == "libopus" else 44_100
    metadata = read(write_sound(tmp_path / name, tone(1, 440, rate_hz), codec, rate_hz=rate_hz, tags=tags)).metadata
    assert metadata.title == "Lied der Boote"
    assert metadata.author == "Ann Müller"
    assert metadata.album == "Hafen"
    assert metadata.taken_at == "2020-02-03"


def test_a_year_alone_is_no_day(tmp_path: Path) -> None:
    metadata = read(write_sound(tmp_path / "a.mp3", tone(1), "libmp3lame", tags={"date": "1999"})).metadata
    assert metadata.taken_at is None


def test_a_cover_becomes_the_thumbnail(tmp_path: Path) -> None:
    cover = io.BytesIO()
    halves("red", "blue").save(cover, "PNG")
    sound = write_sound(tmp_path / "plain.flac", tone(1), "flac").read_bytes()
    mime = b"image/png"
    block = (
        (3).to_bytes(4, "big") + len(mime).to_bytes(4, "big") + mime + bytes(4) + bytes(16)
        + len(cover.getvalue()).to_bytes(4, "big") + cover.getvalue()
    )  # fmt: skip
    # The picture's block (RFC 9639, 8.8) goes after the first one, STREAMINFO of 34 bytes.
    path = tmp_path / "a.flac"
    path.write_bytes(sound[:42] + b"\x06" + len(block).to_bytes(3, "big") + block + sound[42:])
    extraction = read(path)
    assert extraction.kind is Kind.AUDIO
    assert extraction.preview is None
    assert extraction.thumbnail is not None
    shown = Image.open(io.BytesIO(extraction.thumbnail))
    assert shown.getpixel((20, 60))[0] > 200  # type: ignore[index]
    assert shown.getpixel((140, 60))[2] > 200  # type: ignore[index]


def test_a_recording_that_is_cut_off_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(4), "libmp3lame")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    samples, seconds = decoded(path)
    assert 1.5 < seconds < 2.5
    assert pitch_hz(samples) == pytest.approx(440, abs=2)


def test_damage_in_the_middle_does_not_end_a_recording(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(6), "libmp3lame")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    samples, seconds = decoded(path)
    assert seconds > 5
    assert pitch_hz(samples[-RATE_HZ:]) == pytest.approx(440, abs=3)


def test_samples_that_are_no_numbers_are_silenced(tmp_path: Path) -> None:
    samples = tone(1)
    path = write_sound(tmp_path / "a.wav", samples, "pcm_f32le")
    data = path.read_bytes()
    at = data.index(b"data") + 8 + 40_000
    path.write_bytes(data[:at] + np.array([np.nan, np.inf, -np.inf] * 10, "<f4").tobytes() + data[at + 120 :])
    heard, _ = decoded(path)
    assert np.isfinite(heard).all()
    assert pitch_hz(heard) == pytest.approx(440, abs=3)


def test_a_late_sound_track_keeps_its_time(tmp_path: Path) -> None:
    """Sound that begins two seconds into a film is heard two seconds in."""
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        film = container.add_stream("mpeg4", rate=10)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(40):
            frame = av.VideoFrame.from_image(halves("red", "blue", (64, 48)))
            frame.pts = number
            container.mux(film.encode(frame))
        container.mux(film.encode(None))
        block = np.full((1, 1600), 8000, np.int16)
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 32_000 + 1600 * number
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    samples, seconds = decoded(path)
    assert seconds == pytest.approx(4.0, abs=0.05)
    assert np.flatnonzero(samples)[0] / RATE_HZ == pytest.approx(2.0, abs=0.02)


def test_length_is_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_DURATION_S", 1)
    samples, seconds = decoded(write_sound(tmp_path / "a.wav", tone(3), "pcm_s16le"))
    assert seconds == 1.0
    assert len(samples) == RATE_HZ


def test_a_film(tmp_path: Path) -> None:
    tags = {
        "title": "Harbour",
        "creation_time": "2024-01-31T12:00:00Z",
        "com.apple.quicktime.creationdate": "2024-01-31T21:00:00+0900",
        "com.apple.quicktime.location.ISO6709": "+35.6586+139.7454+010.5/",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 15",
    }
    path = write_film(tmp_path / "a.mov", [halves("red", "blue")] * 30, sound=tone(3), tags=tags)
    extraction = read(path)
    assert extraction.kind is Kind.VIDEO
    metadata = extraction.metadata
    assert (metadata.width, metadata.height) == (160, 120)
    assert metadata.duration_s == pytest.approx(3, abs=0.2)
    assert metadata.has_audio is True
    assert metadata.title == "Harbour"
    assert metadata.taken_at == "2024-01-31T21:00:00", "the clock of the place, not of this computer"
    assert (metadata.latitude, metadata.longitude) == (35.6586, 139.7454)
    assert metadata.camera == "Apple iPhone 15"
    assert preview(extraction).size == (160, 120)
    samples, _ = decoded(path)
    assert pitch_hz(samples[RATE_HZ : 2 * RATE_HZ]) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "mpeg4"),
        ("a.mkv", "mpeg4"),
        ("a.webm", "libvpx"),
        ("a.avi", "mpeg4"),
        ("a.ts", "mpeg2video"),
        ("a.mpg", "mpeg2video"),
        ("a.wmv", "wmv2"),
        ("a.flv", "flv"),
    ],
)
def test_films_of_every_container(tmp_path: Path, name: str, codec: str) -> None:
    extraction = read(write_film(tmp_path / name, [halves("red", "blue")] * 25, codec, per_s=25))
    assert extraction.kind is Kind.VIDEO
    assert extraction.metadata.has_audio is False
    shown = preview(extraction)
    assert shown.getpixel((30, 60))[0] > 150  # type: ignore[index]
    assert shown.getpixel((130, 60))[2] > 150  # type: ignore[index]
    with pytest.raises(UnreadableError, match="no sound track"):
        decoded(tmp_path / name)


def test_a_silent_film_with_the_name_of_a_recording(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [halves("red", "blue")] * 10).rename(tmp_path / "a.m4a")
    assert read(path).kind is Kind.VIDEO


def test_black_openings_are_passed_over(tmp_path: Path) -> None:
    black = Image.new("RGB", (160, 120), "black")
    path = write_film(tmp_path / "a.mp4", [black] * 20 + [halves("red", "white")] * 20, options={"g": "5"})
    assert ImageStat.Stat(preview(read(path)).convert("L")).stddev[0] > 30


def test_a_film_that_is_all_black_still_has_a_picture(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [Image.new("RGB", (160, 120), "black")] * 20)
    assert preview(read(path)).size == (160, 120)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_shown_upright(tmp_path: Path, rotation: int) -> None:
    """A phone held upright stores a lying picture and how to turn it: counter-clockwise by ``rotation`` degrees."""
    path = write_film(tmp_path / "a.mp4", [halves("red", "blue")] * 20, rotation=rotation)
    extraction = read(path)
    expected = halves("red", "blue").rotate(rotation, expand=True)
    assert (extraction.metadata.width, extraction.metadata.height) == expected.size
    shown = preview(extraction)
    assert shown.size == expected.size
    for at in ((20, 20), (expected.width - 20, expected.height - 20)):
        seen, wanted = shown.getpixel(at), expected.getpixel(at)
        assert np.abs(np.subtract(seen, wanted)).max() < 90  # type: ignore[arg-type]


def test_a_damaged_recording(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + bytes(100))
    with pytest.raises(UnreadableError, match=r"holds neither sound nor pictures|damaged, or not a recording"):
        read(tmp_path / "a.m4a")


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
        "v=0\nc=IN IP4 {}\n",
    ],
)
def test_a_playlist_makes_nobody_open_another_file(tmp_path: Path, playlist: str) -> None:
    write_sound(tmp_path / "secret.wav", tone(1), "pcm_s16le")
    path = tmp_path / "a.mp3"
    path.write_text(playlist.format("secret.wav"))
    with pytest.raises(UnreadableError, match="damaged, or not a recording"):
        decoded(path)


def test_a_name_with_a_protocol_is_only_a_name(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1), "pcm_s16le").rename(tmp_path / "concat:a|b.wav")
    assert read(path).kind is Kind.AUDIO


def test_reasons_are_single_lines(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UnreadableError) as caught:
        read(tmp_path / "a.mp3")
    assert not re.search(r"[\n\r]|Traceback|Errno", caught.value.message)
