"""Patterns of what is passed over, held against git's own rules where git is there to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.patterns import Patterns, check_pattern, compiled, pattern_of
from core.watch.excluded import DEFAULTS, Excluded

ROOT = b"/home/me/Pictures"


def verdict(patterns: list[str], path: bytes, *, folder: bool = False) -> bool | None:
    return Patterns(patterns).verdict(path, folder=folder)


@pytest.mark.parametrize(
    ("pattern", "path", "folder", "expected"),
    [
        ("*.bak", b"a/b/c.bak", False, True),
        ("*.bak", b"a/b/c.bak.txt", False, None),
        ("Private", b"a/Private", True, True),
        ("Private", b"a/Private", False, True),
        ("Private/", b"a/Private", False, None),
        ("/Private", b"a/Private", True, None),
        ("/Private", b"Private", True, True),
        ("a/Private", b"a/Private", True, True),
        ("a/Private", b"b/a/Private", True, None),
        ("**/a/Private", b"b/a/Private", True, True),
        ("a/**", b"a/b/c.txt", False, True),
        ("a?c.txt", b"abc.txt", False, True),
        ("IMG_[0-9].jpg", b"IMG_7.jpg", False, True),
        ("!*.pem", b"a.pem", False, False),
        ("\\!important", b"!important", False, True),
        ("*.JPG", b"a.jpg", False, True),
        ("caf\u00e9/", "Cafe\u0301".encode(), True, True),
        ("x/*.txt", b"x/two\nlines.txt", False, True),
        ("*.txt", b"two\nlines/caf\xe9.txt", False, True),
    ],
)
def test_a_pattern_means_what_it_means_to_git(pattern: str, path: bytes, folder: bool, expected: bool | None) -> None:
    assert verdict([pattern], path, folder=folder) is expected


def test_the_last_pattern_that_matches_decides() -> None:
    patterns = ["*.txt", "!keep.txt", "/old/keep.txt"]
    assert verdict(patterns, b"a.txt") is True
    assert verdict(patterns, b"new/keep.txt") is False
    assert verdict(patterns, b"old/keep.txt") is True


def test_a_folder_that_is_brought_back_brings_back_nothing_else() -> None:
    assert verdict(["!node_modules"], b"node_modules", folder=True) is False
    assert verdict(["!node_modules"], b"node_modules/secret.pem") is None
    assert verdict(["!node_modules/**"], b"node_modules/secret.pem") is False


@pytest.mark.parametrize("line", ["", "   ", "/", "!", "!/", "# a remark", "[z-a]", "[abc", "a\\", "../up", "a/../b"])
def test_a_bad_pattern_is_told_in_one_line(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_pattern(line)
    assert line.strip() in str(caught.value)
    assert "\n" not in str(caught.value)


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not set(name) & {0, ord("/")} and name not in (b".", b"..")
)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
@given(st.lists(NAMES, min_size=1, max_size=3), st.booleans(), NAMES)
def test_the_pattern_of_an_entry_matches_it_and_nothing_beside_it(
    parts: list[bytes], folder: bool, other: bytes
) -> None:
    path = b"/".join(parts)
    patterns = Patterns([pattern_of(path, folder=folder)])
    assert patterns.verdict(path, folder=folder) is True
    beside = b"/".join([*parts[:-1], parts[-1] + other])
    assert patterns.verdict(beside, folder=folder) is None
    assert patterns.verdict(b"deeper/" + path, folder=folder) is None


@pytest.mark.parametrize(
    "lines",
    [
        ["*.bak", "build/", "/top", "a/b", "docs/**/old", "!keep.bak", "data[0-9]", "**/deep/*.log", "x?z", "tmp*"],
        ["*", "!*/", "!*.log", "!deep/**", "2.log"],
        ["/*", "!/a", "!/m/", "m/deep", "**/c"],
        ["a/**", "!a/b", "n/", "!n/", "n/*", "!top", "top"],
    ],
)
def test_what_git_ignores_is_passed_over(tmp_path: Path, lines: list[str]) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    files = [
        *("k.bak", "keep.bak", "build/x", "sub/build/y", "build2/z", "top/a", "sub/top/a", "a/b/c", "q/a/b", "data7/f"),
        *("docs/old/f", "docs/1/2/old/f", "docs/olds", "deep/1.log", "m/deep/2.log", "deep/n/3.log", "xyz", "xz"),
        *("tmp1/a", "n/tmpfile", "dataX/f", "plain.txt"),
    ]
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(tmp_path)}
    subprocess.run([git, "init", "-q", str(tmp_path)], check=True, env=clean)
    answer = subprocess.run(
        [git, "-C", str(tmp_path), "check-ignore", *files], check=False, capture_output=True, text=True, env=clean
    )
    root = os.fsencode(tmp_path)
    excluded = Excluded(root, tuple(lines))
    assert {name for name in files if excluded.covers(root + b"/" + os.fsencode(name))} == set(answer.stdout.split())


@pytest.mark.parametrize(
    "inside",
    [
        *(
            ".git/config",
            "src/node_modules/a/b.js",
            ".cache/x",
            ".ssh/id_rsa",
            ".gnupg/secring.gpg",
            ".aws/credentials",
        ),
        *(".kube/config", ".password-store/bank.gpg", "Passwords.kdbx", "old.KDB", "server.pem", "tls/server.key"),
        *("cert.p12", "cert.pfx", "id_rsa", "id_rsa.pub", "work/id_ed25519", ".env", "site/.env.production", ".netrc"),
        *(".pgpass", ".config/google-chrome/Default/History", ".mozilla/firefox/x/cookies.sqlite"),
        *("snap/chromium/common/x", ".var/app/org.mozilla.firefox/x", "Library/Safari/History.db"),
        *("Library/Application Support/Google/Chrome/Default/Cookies", "Library/Application Support/Firefox/x"),
        *("Library/Application Support/BraveSoftware/x", "Library/Application Support/Microsoft Edge/x"),
        *("Library/Application Support/Chromium/x", "AppData/Local/Google/Chrome/User Data/x"),
        *("AppData/Local/Microsoft/Edge/User Data/x", "AppData/Local/BraveSoftware/x", "AppData/Roaming/Mozilla/x"),
        *("Users/ann/AppData/Local/Chromium/x", ".Trash-1000/files/a.txt", "$RECYCLE.BIN/a.txt", "half.part"),
    ],
)
def test_other_programs_stores_and_secrets_are_passed_over_by_default(inside: str) -> None:
    assert Excluded(ROOT).covers(ROOT + b"/" + os.fsencode(inside))


@pytest.mark.parametrize(
    "inside",
    ["a.txt", "environment.txt", "monkey.jpg", "git/notes.txt", "Safari/lion.jpg", "keys.txt", ".hidden/a.txt"],
)
def test_what_only_looks_like_it_is_not(inside: str) -> None:
    assert not Excluded(ROOT).covers(ROOT + b"/" + os.fsencode(inside))


def test_every_default_can_be_brought_back() -> None:
    for pattern in DEFAULTS:
        name = pattern.removeprefix("**/").rstrip("/").replace("*", "x")
        path = ROOT + b"/" + os.fsencode(name)
        folder = pattern.endswith("/")
        plain, back = Excluded(ROOT), Excluded(ROOT, (f"!{pattern}",))
        ask = (lambda rules: rules.folder) if folder else (lambda rules: rules.file)
        assert ask(plain)(path, path.rpartition(b"/")[2]), pattern
        assert not ask(back)(path, path.rpartition(b"/")[2]), pattern


def test_a_root_is_never_asked() -> None:
    assert not Excluded(b"/home/me/.config").covers(b"/home/me/.config/notes.txt")
    assert not Excluded(b"/", ("home/me/.x",)).covers(b"/srv/a.txt")
    assert Excluded(b"/", ("home/me",)).covers(b"/home/me/a.txt")


def test_a_kept_pattern_that_is_none_stops_nothing() -> None:
    assert compiled(("[z-a]", "*.bak")).verdict(b"a.bak", folder=False) is True
