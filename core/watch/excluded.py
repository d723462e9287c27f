"""What a walk passes over: other programs' stores, caches, secrets, half-written files, and what a person says.

The defaults come first, then the settings' patterns, then those of the watched folder; the last that matches decides,
so that ``!.env`` brings back what a default hides. They are asked of every file of every scan, and are therefore of
simple forms that need no regular expression. A root itself is never asked: whoever watches it means it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache

from core.patterns import compiled

# ``name/``, ``prefix*/`` or ``**/path/`` for folders, ``name``, ``prefix*`` or ``*suffix`` for files; in lower case,
# and compared in lower case, because macOS and Windows do not tell cases apart.
_FOLDERS = (
    # version control and build trees: machine-made, and huge
    *(".git/", ".hg/", ".svn/", ".bzr/", "node_modules/", "bower_components/", "__pycache__/", ".tox/", ".nox/"),
    *(".venv/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".ipynb_checkpoints/", ".gradle/", ".m2/", ".npm/"),
    *(".cargo/", ".rustup/", ".idea/", ".vscode/", ".eggs/"),
    # caches, thumbnails and settings of other programs
    *(".cache/", ".thumbnails/", ".local/", ".config/", ".var/", ".dropbox.cache/", "@eadir/", ".dtrash/"),
    *(".picasaoriginals/", "code cache/", "gpucache/", "**/library/caches/", "**/appdata/local/temp/"),
    *("**/appdata/local/microsoft/windows/inetcache/", "**/appdata/local/packages/"),
    # browsers' and mail programs' profiles: history, cookies and passwords
    *(".mozilla/", ".thunderbird/", ".librewolf/", "**/snap/firefox/", "**/snap/chromium/", "**/snap/brave/"),
    *("**/library/application support/google/", "**/library/application support/chromium/"),
    *("**/library/application support/firefox/", "**/library/application support/microsoft edge/"),
    *("**/library/application support/bravesoftware/", "**/library/thunderbird/", "**/library/safari/"),
    *("**/library/containers/com.apple.safari/", "**/library/cookies/", "**/library/keychains/"),
    *("**/appdata/local/google/", "**/appdata/local/chromium/", "**/appdata/local/microsoft/edge/"),
    *("**/appdata/local/bravesoftware/", "**/appdata/roaming/mozilla/", "**/appdata/local/mozilla/"),
    *("**/appdata/roaming/thunderbird/", "**/appdata/roaming/microsoft/credentials/"),
    *("**/appdata/roaming/microsoft/protect/", "**/appdata/local/microsoft/vault/"),
    # secrets: their texts must not turn up in a search
    *(".ssh/", ".gnupg/", ".password-store/", ".aws/", ".azure/", ".kube/", ".docker/", ".pki/", ".keychain/"),
    *("*.agilekeychain/", "*.opvault/"),
    # what the operating system keeps for itself; one bin a user on removable drives
    *(".trash/", ".trashes/", ".trash-*/", "$recycle.bin/", "recycler/", "system volume information/", "lost+found/"),
    *(".spotlight-v100/", ".fseventsd/", ".documentrevisions-v100/", ".temporaryitems/", ".appledouble/"),
)
_FILES = (
    *(".ds_store", "thumbs.db", "desktop.ini", ".directory", ".localized", "ehthumbs.db"),
    # AppleDouble halves, owner files of open Office and LibreOffice documents, NFS's deleted but open files
    *("._*", "~$*", ".~lock.*", ".nfs*", ".goutputstream-*", ".fuse_hidden*"),
    *("*.part", "*.crdownload", "*.partial", "*.download", "*.tmp", "*.swp"),
    # passwords, keys and tokens. *.key is Apple's Keynote, too: a private key read by mistake is the greater harm
    *("*.kdbx", "*.kdb", "*.keychain", "*.keychain-db", "*.psafe3", "*.jks", "*.keystore", "*.pem", "*.key", "*.ppk"),
    *("*.p12", "*.pfx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".env", ".env.*", ".netrc", "_netrc"),
    *(".pgpass", "pgpass.conf", ".my.cnf", ".git-credentials", ".npmrc", ".pypirc", ".htpasswd", ".boto", ".s3cfg"),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history", ".sqlite_history"),
    *(".node_repl_history", ".lesshst", ".viminfo"),
)
DEFAULTS = _FOLDERS + _FILES
"""The patterns that hold without anybody's doing, in the order in which they are shown."""

_FOLDERS_KEPT = 20_000  # verdicts on folders; some megabytes


class _Names:
    """Default patterns, sorted by their form."""

    def __init__(self, patterns: Iterable[str]) -> None:
        names, starts, ends, paths = set(), [], [], []
        for pattern in patterns:
            text = os.fsencode(pattern.rstrip("/"))
            if text.startswith(b"**/"):
                paths.append(text[2:])
            elif text.startswith(b"*"):
                ends.append(text[1:])
            elif text.endswith(b"*"):
                starts.append(text[:-1])
            else:
                names.add(text)
        self._names, self._starts, self._ends, self._paths = frozenset(names), tuple(starts), tuple(ends), tuple(paths)

    def match(self, name: bytes) -> bool:
        lower = name.lower()
        return lower in self._names or lower.startswith(self._starts) or lower.endswith(self._ends)

    def match_path(self, path: bytes) -> bool:
        return path.lower().replace(os.fsencode(os.sep), b"/").endswith(self._paths)


_FOLDER_NAMES, _FILE_NAMES = _Names(_FOLDERS), _Names(_FILES)


class Excluded:
    """What is passed over below one root. Any thread may ask."""

    def __init__(self, root: bytes, patterns: tuple[str, ...] = ()) -> None:
        """``patterns``: the settings', then the root's own."""
        self._root = root
        self._start = len(root.rstrip(b"/\\")) + 1
        self._patterns = compiled(patterns)
        self.digest = hashlib.sha256(repr((DEFAULTS, patterns)).encode("utf-8", "surrogatepass")).hexdigest()
        """Stands for the patterns, the defaults among them: equal ones pass over the same."""
        self._folders: dict[bytes, bool] = {}

    def folder(self, path: bytes, name: bytes) -> bool:
        """Whether a folder, and all below it, is passed over because of its own name or place."""
        if self._patterns:
            said = self._patterns.verdict(path[self._start :], folder=True)
            if said is not None:
                return said
        return _FOLDER_NAMES.match(name) or _FOLDER_NAMES.match_path(path)

    def file(self, path: bytes, name: bytes) -> bool:
        """Whether a file is passed over because of its own name or place."""
        if self._patterns:
            said = self._patterns.verdict(path[self._start :], folder=False)
            if said is not None:
                return said
        return _FILE_NAMES.match(name)

    def lies_in(self, path: bytes) -> bool:
        """Whether a walk from the root would not come to where ``path`` is, because of a folder on the way."""
        return self._not_entered(os.path.dirname(path))

    def covers(self, path: bytes) -> bool:
        """Whether a walk from the root would pass over the file at ``path``."""
        return self.lies_in(path) or self.file(path, os.path.basename(path))

    def _not_entered(self, folder: bytes) -> bool:
        known = self._folders.get(folder)
        if known is not None:
            return known
        above: list[bytes] = []  # not by recursion: a path may hold two thousand folders
        while len(folder) > len(self._root) and folder not in self._folders:
            above.append(folder)
            folder = os.path.dirname(folder)
        verdict = self._folders.get(folder, False)
        if len(self._folders) > _FOLDERS_KEPT:
            self._folders.clear()
        for inner in reversed(above):
            verdict = verdict or self.folder(inner, os.path.basename(inner))
            self._folders[inner] = verdict
        return verdict


@lru_cache(maxsize=256)
def excluded_below(root: bytes, patterns: tuple[str, ...] = ()) -> Excluded:
    """What is passed over below a root, compiled once for each list of patterns."""
    return Excluded(root, patterns)
