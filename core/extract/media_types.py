"""Names of formats: media types, the kind each belongs to, the extensions that suggest it, and what is not read yet."""

from __future__ import annotations

import os

from core.extract.placeholder import stands_for
from core.types import Kind

BINARY = "application/octet-stream"
TEXT = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
XML = "text/xml"
SVG = "image/svg+xml"
RTF = "text/rtf"
MAIL = "message/rfc822"
PDF = "application/pdf"
EPUB = "application/epub+zip"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
DOC = "application/msword"
XLS = "application/vnd.ms-excel"
PPT = "application/vnd.ms-powerpoint"
MSG = "application/vnd.ms-outlook"
OLE = "application/x-ole-storage"
ENCRYPTED_OFFICE = "application/x-ole-storage+encrypted"  # the shell around a password-protected docx, xlsx or pptx
VISIO = "application/vnd.visio"
IWORK = "application/vnd.apple.iwork"
ZIP = "application/zip"
MBOX = "application/mbox"
POSTSCRIPT = "application/postscript"
CAMERA_RAW = "image/x-dcraw"
JPEG_XL = "image/jxl"
TIFF = "image/tiff"
TGA = "image/x-tga"
MP4 = "video/mp4"
MATROSKA = "video/x-matroska"
OGG = "audio/ogg"

_ARCHIVES = {
    ZIP: "zip jar apk cbz war",
    "application/x-tar": "tar",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2 tbz2",
    "application/x-xz": "xz txz",
    "application/zstd": "zst",
    "application/x-7z-compressed": "7z cb7",
    "application/vnd.rar": "rar cbr",
    "application/x-lzip": "lz",
    "application/x-lz4": "lz4",
    "application/x-compress": "z",
    "application/x-unix-archive": "ar",
    "application/vnd.debian.binary-package": "deb",
    "application/x-rpm": "rpm",
    "application/vnd.ms-cab-compressed": "cab",
    "application/x-iso9660-image": "iso",
    "application/x-apple-diskimage": "dmg",
}

_UNREAD_DOCUMENTS = {
    DOC: ("doc dot", "old Word documents (.doc) are not read yet"),
    XLS: ("xls xlt", "old Excel workbooks (.xls) are not read yet"),
    XLSB: ("xlsb", "binary Excel workbooks (.xlsb) are not read yet"),
    PPT: ("ppt pps pot", "old PowerPoint presentations (.ppt) are not read yet"),
    ODS: ("ods ots", "OpenDocument spreadsheets are not read yet"),
    ODP: ("odp otp", "OpenDocument presentations are not read yet"),
    MSG: ("msg", "Outlook messages (.msg) are not read yet"),
    MBOX: ("mbox", "mailbox files are not read yet"),
    IWORK: ("pages numbers key", "Apple Pages, Numbers and Keynote files are not read yet"),
    VISIO: ("vsd vsdx", "Visio drawings are not read yet"),
    POSTSCRIPT: ("ps eps", "PostScript files are not read: it is a programming language"),
    "application/onenote": ("one", "OneNote notebooks are not read yet"),
    "application/vnd.wordperfect": ("wpd", "WordPerfect documents are not read yet"),
    "application/vnd.ms-works": ("wps", "Works documents are not read yet"),
    "application/x-hwp": ("hwp", "Hangul documents are not read yet"),
    "application/x-mobipocket-ebook": ("mobi azw azw3 prc", "Kindle books are not read yet"),
    "image/vnd.djvu": ("djvu djv", "DjVu documents are not read yet"),
}

_UNREAD_PICTURES = {
    JPEG_XL: ("jxl", "JPEG XL pictures are not read yet"),
    "image/x-xcf": ("xcf", "GIMP pictures are not read yet"),
    "image/emf": ("emf", "Windows metafiles are not read"),
    "image/wmf": ("wmf", "Windows metafiles are not read"),
    "image/vnd.dwg": ("dwg", "CAD drawings are not read yet"),
    "image/x-exr": ("exr", "OpenEXR pictures are not read yet"),
    "application/dicom": ("dcm", "DICOM scans are not read yet"),
}

_UNREAD_OTHERS = {
    "font/sfnt": ("ttf otf ttc", "fonts are not read"),
    "font/woff": ("woff woff2", "fonts are not read"),
    "application/vnd.sqlite3": ("sqlite db sqlite3", "databases are not read"),
    "application/x-executable": ("exe dll so dylib elf", "programs are not read"),
    "application/java-vm": ("class", "programs are not read"),
    "application/wasm": ("wasm", "programs are not read"),
    "audio/midi": ("mid midi", "MIDI files hold notes, no sound"),
}

UNREAD: dict[str, str] = {
    **dict.fromkeys(_ARCHIVES, "archives are not read yet"),
    **{name: reason for name, (_, reason) in (_UNREAD_DOCUMENTS | _UNREAD_PICTURES | _UNREAD_OTHERS).items()},
    OLE: "this kind of Office file is not read yet",
    BINARY: "files of this type are not read",
}
"""Media types that are known and not read, with the line that is shown for them."""

DOCUMENTS = {
    PDF: "pdf",
    DOCX: "docx docm dotx",
    XLSX: "xlsx xlsm xltx",
    PPTX: "pptx pptm ppsx potx",
    ODT: "odt ott",
    EPUB: "epub",
    RTF: "rtf",
    MAIL: "eml emlx mht mhtml",
    HTML: "html htm xhtml xht",
    XML: "xml fodt fb2 gpx kml opml rss",
    SVG: "svg",
    MARKDOWN: "md markdown mdown mkd",
    TEXT: "txt text log nfo rst org adoc tex bib csv tsv json jsonl yaml yml toml ini cfg conf srt vtt ics vcf "
    "py pyi js mjs ts tsx jsx c h cc cpp hpp cs java kt go rs rb php pl lua r jl swift scala sh bash zsh bat ps1 "
    "sql css scss less diff patch",
}

PICTURES = {
    "image/jpeg": "jpg jpeg jpe jfif mpo",
    "image/png": "png apng",
    "image/gif": "gif",
    "image/webp": "webp",
    TIFF: "tif tiff",
    "image/bmp": "bmp dib",
    "image/heif": "heic heif heics heifs hif",
    "image/avif": "avif avifs",
    "image/jp2": "jp2 j2k j2c jpc jpf jpx",
    "image/vnd.adobe.photoshop": "psd",
    "image/vnd.microsoft.icon": "ico cur",
    "image/icns": "icns",
    TGA: "tga icb vda vst",
    "image/x-pcx": "pcx dcx",
    "image/x-portable-anymap": "pnm pbm pgm ppm pfm",
    "image/qoi": "qoi",
    "image/x-dds": "dds",
    "image/fits": "fits fit",
    "image/sgi": "sgi rgb rgba bw",
    "image/x-sun-raster": "ras",
    "image/x-xbitmap": "xbm",
    "image/x-xpixmap": "xpm",
    "image/x-photo-cd": "pcd",
    "image/x-blp": "blp",
    "image/x-ftex": "ftc ftu",
    "image/x-gimp-gbr": "gbr",
    "image/x-im": "im imt",
    "image/x-msp": "msp",
    "image/x-pixar": "pxr",
    "image/x-fli": "fli flc",
    CAMERA_RAW: "dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef srw x3f mrw 3fr fff iiq erf kdc dcr mef mos rwl",
}

SOUNDS = {
    "audio/mpeg": "mp3 mp2 mp1",
    "audio/mp4": "m4a m4b m4r aac",
    OGG: "ogg oga opus spx",
    "audio/flac": "flac",
    "audio/wav": "wav wave w64",
    "audio/aiff": "aif aiff aifc",
    "audio/x-ms-wma": "wma",
    "audio/amr": "amr awb",
    "audio/x-caf": "caf",
    "audio/basic": "au snd",
    "audio/x-ape": "ape",
    "audio/x-wavpack": "wv",
    "audio/x-tta": "tta",
    "audio/x-musepack": "mpc",
    "audio/ac3": "ac3 eac3",
    "audio/vnd.dts": "dts",
    "audio/x-matroska": "mka weba",
}

FILMS = {
    MP4: "mp4 m4v mp4v f4v",
    "video/quicktime": "mov qt",
    MATROSKA: "mkv mk3d",
    "video/webm": "webm",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpg mpeg vob m2v",
    "video/mp2t": "mts m2ts m2t",
    "video/x-ms-wmv": "wmv asf",
    "video/x-flv": "flv",
    "video/3gpp": "3gp 3g2",
    "video/ogg": "ogv",
    "video/dv": "dv",
    "video/vnd.rn-realvideo": "rm rmvb",
    "video/mxf": "mxf",
}


def _by_extension() -> dict[str, str]:
    tables = [DOCUMENTS, PICTURES, SOUNDS, FILMS, _ARCHIVES]
    unread = _UNREAD_DOCUMENTS | _UNREAD_PICTURES | _UNREAD_OTHERS
    tables.append({name: extensions for name, (extensions, _) in unread.items()})
    return {extension: name for table in tables for name, listed in table.items() for extension in listed.split()}


BY_EXTENSION: dict[str, str] = _by_extension()
"""Extension, in lower case and without its dot, to the media type that it suggests."""

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(DOCUMENTS, Kind.DOCUMENT),
    **dict.fromkeys(_UNREAD_DOCUMENTS, Kind.DOCUMENT),
    **dict.fromkeys(PICTURES, Kind.PHOTO),
    **dict.fromkeys(_UNREAD_PICTURES, Kind.PHOTO),
    **dict.fromkeys(SOUNDS, Kind.AUDIO),
    **dict.fromkeys(FILMS, Kind.VIDEO),
    OLE: Kind.DOCUMENT,
    ENCRYPTED_OFFICE: Kind.DOCUMENT,
}


def kind_of(media_type: str) -> Kind:
    """The kind that a media type belongs to; ``Kind.OTHER`` for one that is not in the tables."""
    return _KINDS.get(media_type, Kind.OTHER)


def extension_of(name: str) -> str:
    """The extension in lower case without its dot; empty where there is none."""
    return os.path.splitext(name)[1][1:].lower()  # noqa: PTH122 - a bare name, not a path that exists


def guess_kind(name: str) -> Kind:
    """The kind that a file's name suggests, before the file is opened."""
    meant = stands_for(os.fsencode(name))
    return kind_of(BY_EXTENSION.get(extension_of(os.fsdecode(meant) if meant is not None else name), BINARY))
