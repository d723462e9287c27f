"""What Word, PowerPoint and Excel files have in common (ECMA-376): relationships between parts, and properties."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from core.extract.dates import iso_wall_clock
from core.extract.zipped import Archive, Element, local_name
from core.types import Metadata


@dataclass(frozen=True)
class Relationship:
    """Part ``target`` stands in the role ``type`` (the last word of the relationship's URI) to the part it is of."""

    type: str
    target: str


def relationships(archive: Archive, part: str) -> dict[str, Relationship]:
    """Id to relationship, of one part or, with an empty name, of the whole package. External ones are left out."""
    folder, name = posixpath.split(part)
    root = archive.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
    found: dict[str, Relationship] = {}
    for element in root if root is not None else ():
        if local_name(element) != "Relationship" or element.get("TargetMode") == "External":
            continue
        target = element.get("Target", "")
        path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        found[element.get("Id", "")] = Relationship(element.get("Type", "").rsplit("/", 1)[-1], path)
    return found


def main_part(archive: Archive, usual: str) -> str:
    """The name of the document's main part; nearly always the usual one, but the package says."""
    for relationship in relationships(archive, "").values():
        if relationship.type == "officeDocument" and relationship.target in archive.names:
            return relationship.target
    return usual


def properties(archive: Archive, *, pages: int | None = None) -> Metadata:
    """Title, author and date from the package's core properties; all missing where it has none."""
    target = next((one.target for one in relationships(archive, "").values() if one.type == "core-properties"), None)
    root = archive.xml(target or "docProps/core.xml")
    stated: dict[str, str] = {}
    for element in root if root is not None else ():
        if name := local_name(element):
            stated[name] = " ".join("".join(element.itertext()).split())
    return Metadata(
        title=stated.get("title") or None,
        author=stated.get("creator") or stated.get("lastModifiedBy") or None,
        taken_at=iso_wall_clock(stated.get("created")) or iso_wall_clock(stated.get("modified")),
        pages=pages,
    )


def relation_id(element: Element) -> str | None:
    """The ``r:id`` attribute, in whichever of the two namespaces the file is written."""
    for name, value in element.attrib.items():
        if name.startswith("{") and name.endswith("}id"):
            return str(value)
    return None
