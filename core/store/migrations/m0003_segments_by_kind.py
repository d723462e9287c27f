"""Tells a segment's kind and content without reading its text. Frozen: a change is a new numbered file."""

SQL = """
CREATE INDEX segments_kind ON segments(kind, id, content_id);
"""
