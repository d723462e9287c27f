"""Deleted files that may come back, removals that wait for a yes, excludes, and the spaces that are searched.

Frozen: a change is a new numbered file.
"""

SQL = """
-- A file that was deleted, kept for a month so that a restore costs nothing. Its id is not given again meanwhile, and
-- what belongs to the file belongs to it still. Its content is an orphan, unless another file has it.
CREATE TABLE tombstones (
    file_id    INTEGER PRIMARY KEY,
    root_id    INTEGER NOT NULL REFERENCES roots(id) ON DELETE CASCADE,
    path       BLOB NOT NULL UNIQUE, -- os.fsencode; the latest file that was deleted there
    kind       TEXT NOT NULL,
    size       INTEGER NOT NULL,     -- bytes
    mtime_ns   INTEGER NOT NULL,
    ctime_ns   INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    day        TEXT NOT NULL,        -- as in files
    content_id INTEGER REFERENCES contents(id) ON DELETE SET NULL,
    deleted_ns INTEGER NOT NULL      -- when it was found missing
) STRICT;
CREATE INDEX tombstones_root ON tombstones(root_id);
CREATE INDEX tombstones_inode ON tombstones(inode);
CREATE INDEX tombstones_content ON tombstones(content_id);
CREATE INDEX tombstones_deleted ON tombstones(deleted_ns);

-- How many files the last scan missed and did not dare to remove: so many of a root go only on a person's yes.
ALTER TABLE roots ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
-- What is passed over in this root besides what is passed over everywhere: a JSON list of glob patterns.
ALTER TABLE roots ADD COLUMN excludes TEXT NOT NULL DEFAULT '[]';
-- Why changes are not told at once but found by scanning, with the cure; NULL while they are told.
ALTER TABLE roots ADD COLUMN watch_note TEXT;

-- The space that a role's queries are answered in. Another model fills a space of its own meanwhile, and takes this
-- place in one transaction when it is full.
CREATE TABLE search_spaces (
    role     TEXT PRIMARY KEY, -- text, photo
    space_id INTEGER NOT NULL REFERENCES spaces(id)
) STRICT, WITHOUT ROWID;
"""
