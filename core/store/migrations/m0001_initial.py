"""The first schema. Frozen: a change is a new numbered file."""

SQL = """
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A watched folder.
CREATE TABLE roots (
    id        INTEGER PRIMARY KEY,
    path      BLOB NOT NULL UNIQUE,       -- os.fsencode
    fs_id     TEXT,                       -- identity of its file system, set by the first scan
    offline   INTEGER NOT NULL DEFAULT 0, -- 1 while it is unplugged; its files stay
    held      INTEGER NOT NULL DEFAULT 0, -- files present after the last complete scan
    added_ns  INTEGER NOT NULL
) STRICT;

-- What is in a file; two copies of a file share one row. Vectors and text belong here.
CREATE TABLE contents (
    id                INTEGER PRIMARY KEY,
    hash              BLOB NOT NULL UNIQUE, -- blake3 of the whole file, 32 bytes
    kind              TEXT NOT NULL,
    media_type        TEXT NOT NULL,
    title             TEXT,
    author            TEXT,
    album             TEXT,
    taken_at          TEXT,                 -- local wall-clock time, ISO 8601, as the file gives it
    width             INTEGER,              -- pixels, upright
    height            INTEGER,
    duration_s        REAL,
    camera            TEXT,
    latitude          REAL,                 -- degrees, WGS 84
    longitude         REAL,
    pages             INTEGER,
    has_audio         INTEGER,
    phash             INTEGER,              -- 64 bits, stored signed
    note              TEXT,                 -- the reader's remark
    thumbnail         INTEGER NOT NULL DEFAULT 0, -- 1 once its thumbnail files are in the cache
    extractor_version INTEGER NOT NULL,
    speech_model      TEXT,                 -- name@weights of the model that wrote the transcript, NULL before
    orphaned_ns       INTEGER               -- since when no file has this content, NULL while one has
) STRICT;
CREATE INDEX contents_orphaned ON contents(orphaned_ns) WHERE orphaned_ns IS NOT NULL;

CREATE TABLE files (
    id          INTEGER PRIMARY KEY,
    root_id     INTEGER NOT NULL REFERENCES roots(id) ON DELETE CASCADE,
    path        BLOB NOT NULL UNIQUE,  -- os.fsencode
    kind        TEXT NOT NULL,         -- by its name until its content was read
    size        INTEGER NOT NULL,      -- bytes
    mtime_ns    INTEGER NOT NULL,
    ctime_ns    INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    day         TEXT NOT NULL,         -- local day, ISO: taken or written if known, else modified
    content_id  INTEGER REFERENCES contents(id), -- NULL until its content was read
    skip_reason TEXT                   -- why it is known by its name only
) STRICT;
CREATE INDEX files_root ON files(root_id);
CREATE INDEX files_content ON files(content_id);
CREATE INDEX files_inode ON files(inode);
CREATE INDEX files_day ON files(day);

-- The unit that is found inside a content.
CREATE TABLE segments (
    id          INTEGER PRIMARY KEY,
    content_id  INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    ordinal     INTEGER NOT NULL, -- position among the content's segments of this kind
    page        INTEGER,          -- 1-based page, slide or sheet
    char_offset INTEGER,          -- characters from the start of the text
    label       TEXT,
    start_s     REAL,
    end_s       REAL,
    text        TEXT NOT NULL DEFAULT '',
    UNIQUE (content_id, kind, ordinal)
) STRICT;

CREATE TABLE spaces (
    id            INTEGER PRIMARY KEY,
    model         TEXT NOT NULL,
    weights_id    TEXT NOT NULL,
    dim           INTEGER NOT NULL,
    preprocessing TEXT NOT NULL,
    UNIQUE (model, weights_id, dim, preprocessing)
) STRICT;

-- One vector of a segment in a space. A row id of its own, because blobs of this size do badly in an index tree.
CREATE TABLE vectors (
    id         INTEGER PRIMARY KEY,
    space_id   INTEGER NOT NULL REFERENCES spaces(id) ON DELETE CASCADE,
    segment_id INTEGER NOT NULL REFERENCES segments(id) ON DELETE CASCADE,
    content_id INTEGER NOT NULL,  -- repeated from the segment: a filter masks a scan without a join
    vector     BLOB NOT NULL,     -- float32 little-endian, unit length
    checksum   INTEGER NOT NULL,  -- crc32 of vector; integrity_check does not see flipped bits in a blob
    UNIQUE (space_id, segment_id)
) STRICT;
CREATE INDEX vectors_segment ON vectors(segment_id);

-- Work that is left. A finished step has no row; a failed one keeps its reason.
CREATE TABLE jobs (
    file_id   INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    stage     INTEGER NOT NULL,
    state     TEXT NOT NULL,    -- ready, running (being read right now), failed
    newest_ns INTEGER NOT NULL, -- the file's mtime: newest first within a stage
    attempts  INTEGER NOT NULL DEFAULT 0,
    reason    TEXT,
    PRIMARY KEY (file_id, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_next ON jobs(stage, state, newest_ns DESC);

-- add and remove, given while another process writes the index.
CREATE TABLE requests (
    id      INTEGER PRIMARY KEY,
    verb    TEXT NOT NULL,
    path    BLOB NOT NULL
) STRICT;

CREATE VIRTUAL TABLE segments_fts USING fts5(
    text, content='segments', content_rowid='id',
    tokenize='porter simplify casefold true strip true unicodewords'
);
CREATE TRIGGER segments_fts_insert AFTER INSERT ON segments WHEN new.text <> '' BEGIN
    INSERT INTO segments_fts(rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER segments_fts_delete AFTER DELETE ON segments WHEN old.text <> '' BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;

-- What a file is called and what it says of itself; rowid is files.id.
CREATE VIRTUAL TABLE names_fts USING fts5(
    name, about, content='', contentless_delete=1,
    tokenize='porter simplify casefold true strip true unicodewords'
);
CREATE TRIGGER names_fts_delete AFTER DELETE ON files BEGIN
    DELETE FROM names_fts WHERE rowid = old.id;
END;
"""
