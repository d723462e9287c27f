"""New perceptual hashes are logged like changed ones. Frozen: a change is a new numbered file."""

SQL = """
-- Ids of contents are given again once the last ones went, and a content without a hash goes unlogged: who follows the
-- hashes could take a new content for one that was seen already.
CREATE TRIGGER contents_phash_added AFTER INSERT ON contents WHEN new.phash IS NOT NULL BEGIN
    INSERT INTO phash_changes (content_id) VALUES (new.id);
    DELETE FROM phash_changes WHERE seq <= (SELECT max(seq) FROM phash_changes) - 100000;
END;
"""
