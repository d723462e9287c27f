"""Paths and URLs, and what a double click may do."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QDesktopServices

from core.types import Kind
from desktop import places
from tests.desktop.conftest import photo

posix = pytest.mark.skipif(os.name == "nt", reason="paths are Unicode there")
names = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name and b"/" not in name)


@posix
@given(st.lists(names, min_size=1, max_size=4))
def test_a_url_keeps_every_byte_of_a_path(parts):
    path = b"/" + b"/".join(parts)
    assert places.path_of(places.url_of(path)) == path


@posix
def test_a_drop_of_any_name_arrives_as_it_is_on_disk(tmp_path):
    odd = os.fsencode(tmp_path) + b"/caf\xe9 #1%20.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"")
    mime = QMimeData()
    mime.setUrls([places.url_of(odd), QUrl("https://example.org/a.jpg")])
    (found,) = places.local_paths(mime)
    assert os.fsencode(found) == odd
    assert found.exists()


def test_a_mime_of_text_names_no_files():
    mime = QMimeData()
    mime.setText("/etc/hosts")
    assert places.local_paths(mime) == []


def test_opening_is_offered_by_kind_and_by_name():
    hit = photo(1)
    assert [kind for kind in Kind if not places.can_open(replace(hit, kind=kind))] == [Kind.OTHER]
    assert not places.can_open(replace(hit, path=b"/library/photo.jpg.desktop"))


@posix
def test_a_program_in_the_place_of_a_folder_is_not_opened(tmp_path, monkeypatch):
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(opened.append(url)) or True)
    (tmp_path / "folder").write_text("#!/bin/sh\n")
    assert not places.open_folder(bytes(tmp_path / "folder"))
    assert opened == []


@posix
def test_a_name_that_is_text_is_opened_through_the_desktop(monkeypatch):
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(opened.append(url)) or True)
    assert places.open_file("/library/船 #1.jpg".encode())
    assert places.path_of(opened[0]) == "/library/船 #1.jpg".encode()


@posix
def test_a_name_that_is_not_text_is_handed_over_as_bytes(monkeypatch):
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
    assert places.open_file(b"/library/caf\xe9.jpg")
    assert started[0][-1] == b"/library/caf\xe9.jpg"


@posix
def test_a_missing_opener_is_told(monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", missing)
    assert not places.open_file(b"/library/caf\xe9.jpg")
