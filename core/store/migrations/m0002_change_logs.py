"""What readers that keep vectors or hashes in memory need to follow the index. Frozen: a change is a new file."""

SQL = """
-- Tells an index from another one that has taken its place: what was derived from it carries this name.
INSERT INTO meta (key, value) VALUES ('index_id', lower(hex(randomblob(16))));

-- Which vectors went, in order. AUTOINCREMENT: a number is never given twice, though old rows are dropped.
-- Row ids of vectors are given again once the last ones went, so a reader looks at logged ids as well as at new ones.
CREATE TABLE vector_removals (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    vector_id INTEGER NOT NULL
) STRICT;
CREATE TRIGGER vectors_removed AFTER DELETE ON vectors BEGIN
    INSERT INTO vector_removals (vector_id) VALUES (old.id);
    -- Bounded: a reader that is further behind reads everything anew.
    DELETE FROM vector_removals WHERE seq <= (SELECT max(seq) FROM vector_removals) - 100000;
END;

-- Contents that lost or changed their perceptual hash, in the same way; new contents are seen by their ids.
CREATE TABLE phash_changes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    content_id INTEGER NOT NULL
) STRICT;
CREATE TRIGGER contents_phash_changed AFTER UPDATE OF phash ON contents WHEN old.phash IS NOT new.phash BEGIN
    INSERT INTO phash_changes (content_id) VALUES (old.id);
    DELETE FROM phash_changes WHERE seq <= (SELECT max(seq) FROM phash_changes) - 100000;
END;
CREATE TRIGGER contents_phash_removed AFTER DELETE ON contents WHEN old.phash IS NOT NULL BEGIN
    INSERT INTO phash_changes (content_id) VALUES (old.id);
    DELETE FROM phash_changes WHERE seq <= (SELECT max(seq) FROM phash_changes) - 100000;
END;

-- A filter by kind asks for the contents of a kind, often of a rare one.
CREATE INDEX files_kind ON files(kind, content_id);
"""
