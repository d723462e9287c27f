"""Plays a recording or a video from the moment that was found.

QtMultimedia is imported at the first press of play: it needs system libraries that not every computer has, and then
the player says so instead of the window not starting.
"""

from __future__ import annotations

import logging
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from desktop import theme, wording
from desktop.places import url_of
from desktop.views.widgets import label, tool_button

logger = logging.getLogger(__name__)

_VIDEO_PX = 184


class Player(QWidget):
    """A play button, a slider and the time; for videos the moving picture above them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: bytes = b""
        self._is_video = False
        self._start_s = 0.0
        self._media: Any = None  # QMediaPlayer, once there is one
        self._screen: QWidget | None = None
        self._loaded: bytes | None = None
        self._pending_ms: int | None = None  # where to begin: a position set before the file is loaded is lost
        self._play = tool_button("play", self.tr("Play"), self.toggle)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(self.tr("Position"))
        self._slider.sliderMoved.connect(self._seek)
        self._time = label("0:00", "meta")
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._play)
        row.addWidget(self._slider, 1)
        row.addWidget(self._time)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(row)
        self._column.addWidget(self._trouble)

    def show_file(self, path: bytes, *, video: bool, start_s: float) -> None:
        """Get ready to play ``path``; nothing is opened before play is pressed."""
        self._path, self._is_video, self._start_s = path, video, start_s
        self._trouble.hide()
        self._slider.setValue(0)
        self._time.setText(wording.clock(start_s))

    def toggle(self) -> None:
        """Play, from the found moment the first time, or pause."""
        if self._media is not None and self._loaded == self._path and self._is_playing():
            self._media.pause()
        elif self._media is not None and self._loaded == self._path:
            self._media.play()
        else:
            self.play_from(self._start_s)

    def play_from(self, start_s: float) -> None:
        """Play from a moment."""
        if not self._ensure_media():
            return
        if self._screen is not None:
            self._screen.setVisible(self._is_video)
        if self._loaded == self._path:
            self._media.setPosition(round(start_s * 1000))
        else:
            self._loaded = self._path
            self._pending_ms = round(start_s * 1000)
            self._media.setSource(url_of(self._path))
        self._media.play()

    def stop(self) -> None:
        """Stop and close the file."""
        if self._media is not None:
            self._media.stop()
            self._media.setSource("")
        self._loaded = None
        if self._screen is not None:
            self._screen.hide()

    def release(self) -> None:
        """Stop and let go of the sound and video devices, while the application still stands."""
        self.stop()
        if self._media is not None:
            self._media.setVideoOutput(None)
            self._media.setAudioOutput(None)
            self._media.deleteLater()
            self._media = None

    def _is_playing(self) -> bool:
        return bool(self._media.playbackState() == self._media.PlaybackState.PlayingState)

    def _ensure_media(self) -> bool:
        if self._media is not None:
            return True
        try:
            from PySide6.QtMultimedia import QAudioOutput, QMediaPlayer
            from PySide6.QtMultimediaWidgets import QVideoWidget
        except ImportError as error:
            logger.warning("no QtMultimedia: %s", error)
            self._say(self.tr("This computer lacks the libraries to play sound; Open plays it elsewhere."))
            return False
        self._media = QMediaPlayer(self)
        self._media.setAudioOutput(QAudioOutput(self._media))
        self._screen = QVideoWidget()
        self._screen.setFixedHeight(_VIDEO_PX)
        self._screen.hide()
        self._column.insertWidget(0, self._screen)
        self._media.setVideoOutput(self._screen)
        self._media.positionChanged.connect(self._on_position)
        self._media.durationChanged.connect(self._on_duration)
        self._media.playbackStateChanged.connect(self._on_state)
        self._media.mediaStatusChanged.connect(self._on_status)
        self._media.errorOccurred.connect(self._on_error)
        return True

    def _say(self, text: str) -> None:
        self._trouble.setText(text)
        self._trouble.show()

    @Slot(int)
    def _seek(self, position_ms: int) -> None:
        if self._media is not None:
            self._media.setPosition(position_ms)

    @Slot("qlonglong")
    def _on_position(self, position_ms: int) -> None:
        self._time.setText(wording.clock(position_ms / 1000))
        if not self._slider.isSliderDown():
            self._slider.setValue(position_ms)

    @Slot("qlonglong")
    def _on_duration(self, duration_ms: int) -> None:
        self._slider.setRange(0, duration_ms)

    @Slot()
    def _on_state(self) -> None:
        playing = self._is_playing()
        self._play.setIcon(theme.icon("pause" if playing else "play"))
        self._play.setAccessibleName(self.tr("Pause") if playing else self.tr("Play"))

    @Slot()
    def _on_status(self) -> None:
        status = self._media.MediaStatus
        if self._pending_ms is not None and self._media.mediaStatus() in (status.LoadedMedia, status.BufferedMedia):
            position_ms, self._pending_ms = self._pending_ms, None
            self._media.setPosition(position_ms)

    @Slot()
    def _on_error(self) -> None:
        self._say(self.tr("This file cannot be played here; Open plays it elsewhere."))
