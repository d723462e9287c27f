"""eSpeak NG in this process, through its C library: sound, and which word and phoneme begins when.

The functions, structures and numbers are those of its header, espeak-ng/speak_lib.h. The
library keeps one global state and is not safe to use from two threads at once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 0x0001
_INITIALIZE_DONT_EXIT = 0x8000
_RATE, _PITCH = 1, 3
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_EVENT_LIST_TERMINATED, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_OK = 0


class SpeechUnavailableError(RuntimeError):
    """eSpeak NG is not installed, or refused to speak."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "languages", "identifier")),
        *((name, ctypes.c_ubyte) for name in ("gender", "age", "variant", "xx1")),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Mark:
    """A word (its place in the text, in characters) or a phoneme (its mnemonic) that begins at `start_s`."""

    start_s: float
    word_at: int | None
    phoneme: str | None


@dataclass(frozen=True)
class Speech:
    """Mono sound as int16 samples at `sample_rate`, and its marks in order of time."""

    pcm: NDArray[np.int16]
    sample_rate: int
    marks: tuple[Mark, ...]


def available() -> bool:
    """Whether the library is installed."""
    return ctypes.util.find_library("espeak-ng") is not None


def speak(text: str, voice: str, *, speed_wpm: int, pitch: int) -> Speech:
    """Read `text` aloud; `voice` is a language and a variant as in "en-gb+f2", `pitch` 0 to 99.

    Raises SpeechUnavailableError where the library is missing or knows no such voice.
    """
    library, sample_rate = _library()
    # By name only files are found, so as the program itself does: else by language.
    wanted = _Voice(languages=voice.encode())
    named = library.espeak_SetVoiceByName(voice.encode()) == _OK
    if not named and library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != _OK:
        raise SpeechUnavailableError(f"eSpeak NG has no voice {voice}")
    library.espeak_SetParameter(_RATE, speed_wpm, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    blocks: list[NDArray[np.int16]] = []
    marks: list[Mark] = []

    def receive(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_LIST_TERMINATED:
            mark = _mark(events[index])
            if mark is not None:
                marks.append(mark)
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    spoken = text.encode()
    status = library.espeak_Synth(spoken, len(spoken) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    if status != _OK or library.espeak_Synchronize() != _OK or not blocks:
        raise SpeechUnavailableError(f"eSpeak NG could not speak (status {status})")
    return Speech(np.concatenate(blocks), sample_rate, tuple(sorted(marks, key=lambda mark: mark.start_s)))


def _mark(event: _Event) -> Mark | None:
    start_s = event.audio_position / 1000
    if event.type == _EVENT_WORD and event.text_position > 0:  # 0 marks the end of a clause
        return Mark(start_s, event.text_position - 1, None)
    if event.type == _EVENT_PHONEME:
        return Mark(start_s, None, event.id.string.decode())
    return None


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise SpeechUnavailableError("the library of eSpeak NG is not installed")
    library = ctypes.CDLL(name)
    library.espeak_Synth.argtypes = (
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p),
    )
    options = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_DONT_EXIT
    sample_rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, options)
    if sample_rate <= 0:
        raise SpeechUnavailableError("eSpeak NG could not start: its data is missing")
    return library, sample_rate
