"""What a scan passes over by default: other programs' stores, caches, secrets and half-written files."""

from __future__ import annotations

import os

# Compared in lower case, because macOS and Windows do not tell cases apart.
_FOLDERS = frozenset(
    os.fsencode(name)
    for name in (
        # version control and build trees: machine-made, and huge
        *(".git", ".hg", ".svn", ".bzr", "node_modules", "bower_components", "__pycache__", ".tox", ".nox", ".venv"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".gradle", ".m2", ".npm", ".cargo"),
        *(".rustup", ".idea", ".vscode", ".eggs"),
        # caches, thumbnails and settings of other programs
        *(".cache", ".thumbnails", ".local", ".config", ".var", ".mozilla", ".thunderbird", ".dropbox.cache"),
        *("@eadir", ".dtrash", ".picasaoriginals"),
        # secrets: their texts must not turn up in a search
        *(".ssh", ".gnupg", ".password-store", ".aws", ".azure", ".kube", ".docker", ".pki"),
        # what the operating system keeps for itself
        *(".trash", ".trashes", "$recycle.bin", "recycler", "system volume information", "lost+found"),
        *(".spotlight-v100", ".fseventsd", ".documentrevisions-v100", ".temporaryitems", ".appledouble"),
    )
)
_FOLDER_PREFIXES = (b".trash-",)  # one a user, on removable drives
_FILES = frozenset((b".ds_store", b"thumbs.db", b"desktop.ini", b".directory", b".localized", b"ehthumbs.db"))
# AppleDouble halves, owner files of open Office and LibreOffice documents, NFS's deleted but open files
_FILE_PREFIXES = (b"._", b"~$", b".~lock.", b".nfs", b".goutputstream-", b".fuse_hidden")
_FILE_SUFFIXES = (b".part", b".crdownload", b".partial", b".download", b".tmp", b".swp")


def excluded_folder(name: bytes) -> bool:
    """Whether a folder of this name, and all below it, is passed over. A root itself is never asked."""
    lower = name.lower()
    return lower in _FOLDERS or lower.startswith(_FOLDER_PREFIXES)


def lies_excluded(path: bytes, root: bytes) -> bool:
    """Whether a walk from ``root`` would pass over ``path`` because of a folder's name on the way."""
    inside = os.path.dirname(path)[len(root) :]
    return any(excluded_folder(part) for part in inside.split(os.fsencode(os.sep)) if part)


def excluded_file(name: bytes) -> bool:
    """Whether a file of this name is passed over."""
    lower = name.lower()
    return lower in _FILES or lower.startswith(_FILE_PREFIXES) or lower.endswith(_FILE_SUFFIXES)
