"""Bursts of file events: what they come to, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from core.watch.settle import (
    FIRST_LOOK_S,
    NEXT_LOOK_S,
    QUIET_S,
    EventKind,
    FileEvent,
    Settled,
    Settler,
    collapse,
)

CREATED, MODIFIED, DELETED, MOVED = EventKind.CREATED, EventKind.MODIFIED, EventKind.DELETED, EventKind.MOVED


def settled(*paths: bytes, trees: tuple[bytes, ...] = ()) -> Settled:
    return Settled(frozenset(paths), frozenset(trees))


def test_the_steps_of_one_save_are_one_place() -> None:
    steps = [FileEvent(CREATED, b"/r/a"), FileEvent(MODIFIED, b"/r/a"), FileEvent(MODIFIED, b"/r/a")]
    assert collapse(steps) == settled(b"/r/a")


def test_nothing_comes_to_nothing() -> None:
    assert not collapse([])


def test_a_chain_of_moves_is_looked_at_from_end_to_end() -> None:
    chain = [
        FileEvent(MOVED, b"/r/a", destination=b"/r/b"),
        FileEvent(MOVED, b"/r/b", destination=b"/r/c"),
    ]
    assert collapse(chain).paths >= {b"/r/a", b"/r/c"}


def test_a_moved_folder_is_two_trees_and_covers_what_happened_below() -> None:
    events = [
        FileEvent(MODIFIED, b"/r/old/x"),
        FileEvent(MOVED, b"/r/old", is_folder=True, destination=b"/r/new"),
        FileEvent(MODIFIED, b"/r/new/x"),
        FileEvent(MODIFIED, b"/r/newer"),
    ]
    assert collapse(events) == settled(b"/r/newer", trees=(b"/r/old", b"/r/new"))


def test_a_folder_inside_a_folder_is_covered() -> None:
    events = [FileEvent(CREATED, b"/r/d/e", is_folder=True), FileEvent(CREATED, b"/r/d", is_folder=True)]
    assert collapse(events) == settled(trees=(b"/r/d",))


def test_a_folders_own_modification_says_nothing() -> None:
    assert not collapse([FileEvent(MODIFIED, b"/r", is_folder=True)])


def test_a_file_is_left_alone_until_it_rests() -> None:
    settler = Settler()
    settler.add(FileEvent(CREATED, b"/r/a"), 0.0)
    settler.add(FileEvent(MODIFIED, b"/r/a"), 0.8)
    assert not settler.take(0.8 + QUIET_S - 0.01)
    assert settler.take(0.8 + QUIET_S) == settled(b"/r/a")
    assert not settler.take(100.0)


def test_a_file_that_never_rests_is_looked_at_soon_and_then_seldom() -> None:
    settler = Settler()
    looks = []
    for tenth in range(int(10 * (FIRST_LOOK_S + 2 * NEXT_LOOK_S)) + 10):
        now_s = tenth / 10
        settler.add(FileEvent(MODIFIED, b"/r/log"), now_s)
        if settler.take(now_s):
            looks.append(now_s)
    assert looks == [FIRST_LOOK_S, FIRST_LOOK_S + NEXT_LOOK_S, FIRST_LOOK_S + 2 * NEXT_LOOK_S]


def test_a_busy_neighbour_does_not_hold_others_up() -> None:
    settler = Settler()
    settler.add(FileEvent(CREATED, b"/r/a"), 0.0)
    settler.add(FileEvent(MODIFIED, b"/r/log"), 0.9)
    assert settler.take(QUIET_S) == settled(b"/r/a")


def test_clearing_forgets() -> None:
    settler = Settler()
    settler.add(FileEvent(CREATED, b"/r/a"), 0.0)
    settler.clear()
    assert len(settler) == 0
    assert not settler.take(100.0)


# Against a model: looking only where the settler says must bring an index in line with the disk.

PATHS = [b"/r/a", b"/r/b", b"/r/d/a", b"/r/d/b", b"/r/e/a", b"/r/d/f/a"]
FOLDERS = [b"/r/d", b"/r/e", b"/r/d/f"]


@dataclass
class Disk:
    """Files by path, each with a version, and the events that a watcher would send."""

    files: dict[bytes, int] = field(default_factory=dict)
    events: list[FileEvent] = field(default_factory=list)
    version: int = 0

    def write(self, path: bytes) -> None:
        self.version += 1
        self.events.append(FileEvent(MODIFIED if path in self.files else CREATED, path))
        self.files[path] = self.version

    def delete(self, path: bytes) -> None:
        if self.files.pop(path, None) is not None:
            self.events.append(FileEvent(DELETED, path))

    def move(self, path: bytes, target: bytes) -> None:
        if path in self.files and path != target:
            self.files[target] = self.files.pop(path)
            self.events.append(FileEvent(MOVED, path, destination=target))

    def move_folder(self, folder: bytes, target: bytes) -> None:
        # As rename(2): the target must be empty, and not inside the folder.
        if folder == target or target.startswith(folder + b"/") or self.below(target):
            return
        for path in self.below(folder):
            self.files[target + path[len(folder) :]] = self.files.pop(path)
        self.events.append(FileEvent(MOVED, folder, is_folder=True, destination=target))

    def delete_folder(self, folder: bytes) -> None:
        for path in self.below(folder):
            del self.files[path]  # without an event of its own, as when the folder was moved away
        self.events.append(FileEvent(DELETED, folder, is_folder=True))

    def below(self, folder: bytes) -> list[bytes]:
        return [path for path in self.files if path.startswith(folder + b"/")]


def look(index: dict[bytes, int], disk: Disk, places: Settled) -> None:
    """What ``core.watch.scan.look_at`` does, on the model."""

    def is_at(path: bytes) -> bool:
        return path in places.paths or any(path == tree or path.startswith(tree + b"/") for tree in places.trees)

    for path in [path for path in index if is_at(path)]:
        del index[path]
    index.update({path: version for path, version in disk.files.items() if is_at(path)})


actions = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PATHS)),
    st.tuples(st.just("delete"), st.sampled_from(PATHS)),
    st.tuples(st.just("move"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
    st.tuples(st.just("move_folder"), st.sampled_from(FOLDERS), st.sampled_from(FOLDERS)),
    st.tuples(st.just("delete_folder"), st.sampled_from(FOLDERS)),
)


@given(before=st.sets(st.sampled_from(PATHS)), burst=st.lists(actions, max_size=12))
def test_a_look_at_what_a_burst_comes_to_finds_everything(before: set[bytes], burst: list[tuple]) -> None:
    disk = Disk(dict.fromkeys(before, 0))
    index = dict(disk.files)
    for name, *arguments in burst:
        getattr(disk, name)(*arguments)
    places = collapse(disk.events)
    look(index, disk, places)
    assert index == disk.files
    for tree in places.trees:
        below = [place for place in places.paths | places.trees if place.startswith(tree + b"/")]
        assert below == []


@given(
    before=st.sets(st.sampled_from(PATHS)),
    burst=st.lists(st.tuples(actions, st.floats(0, 2), st.booleans()), max_size=15),
)
def test_looks_in_the_middle_of_a_burst_lose_nothing(
    before: set[bytes], burst: list[tuple[tuple, float, bool]]
) -> None:
    disk = Disk(dict.fromkeys(before, 0))
    index = dict(disk.files)
    settler = Settler()
    now_s = 0.0
    for (name, *arguments), pause_s, takes in burst:
        now_s += pause_s
        getattr(disk, name)(*arguments)
        while disk.events:
            settler.add(disk.events.pop(0), now_s)
        if takes:
            look(index, disk, settler.take(now_s))
    look(index, disk, settler.take(now_s + FIRST_LOOK_S + NEXT_LOOK_S))
    assert index == disk.files
