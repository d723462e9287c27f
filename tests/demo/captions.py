"""What people would say about a scene, in English and Chinese, in full or in part.

A caption knows which scenes it is true of, so that training never pushes a picture away
from a sentence that describes it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.demo.vocabulary import COLOURS, COUNTS, PLACES, THINGS, TIMES, WEATHERS, Noun
from tests.demo.world import Scene

ALL: tuple[int, ...] = tuple((1 << len(words)) - 1 for words in (THINGS, COLOURS, COUNTS, PLACES, WEATHERS, TIMES))
"""Per attribute, the bit mask that allows every value."""

THING, COLOUR, COUNT, PLACE, WEATHER, TIME = range(6)

CONTEXT_TOKENS = 48
"""Byte-pair tokens of CLIP's tokenizer that the longest caption, a Chinese one, takes with its two ends."""

SYNONYMS: dict[str, tuple[tuple[str, str], ...]] = {
    "boat": (("sailboat", "sailboats"), ("ship", "ships")),
    "car": (("automobile", "automobiles"),),
    "cat": (("kitten", "kittens"), ("kitty", "kitties")),
    "dog": (("puppy", "puppies"),),
    "horse": (("pony", "ponies"),),
    "rabbit": (("bunny", "bunnies"), ("hare", "hares")),
    "mushroom": (("toadstool", "toadstools"),),
    "cup": (("mug", "mugs"), ("coffee cup", "coffee cups")),
    "clock": (("alarm clock", "alarm clocks"),),
    "bicycle": (("bike", "bikes"),),
    "airplane": (("plane", "planes"), ("aeroplane", "aeroplanes")),
    "train": (("locomotive", "locomotives"),),
    "mountain": (("peak", "peaks"),),
    "house": (("cottage", "cottages"),),
    "flower": (("blossom", "blossoms"),),
}

SAY_PLACE: dict[str, tuple[str, ...]] = {
    "on the sea": ("on the sea", "at sea", "on the water", "on the ocean"),
    "in a meadow": ("in a meadow", "in a field", "on the grass", "on a green meadow"),
    "in the desert": ("in the desert", "in the sand", "among the dunes"),
    "in the city": ("in the city", "in town", "on a city street", "downtown"),
    "in the forest": ("in the forest", "in the woods", "among the trees"),
    "in the snow": ("in the snow", "in winter", "on snow"),
}
SAY_WEATHER: dict[str, tuple[str, ...]] = {
    "in clear weather": ("in clear weather", "under a clear sky", "in fine weather"),
    "in the rain": ("in the rain", "while it rains", "in rainy weather", "on a rainy day"),
    "in fog": ("in fog", "in the fog", "in the mist", "in foggy weather"),
}
SAY_TIME: dict[str, tuple[str, ...]] = {
    "by day": ("by day", "during the day", "in daylight"),
    "at sunset": ("at sunset", "in the evening", "at dusk", "in the evening light"),
    "at night": ("at night", "by night", "in the dark"),
}
LEADS = ("a picture of", "a drawing of", "a painting of", "an image of", "a photo of", "there is", "look,")

ZH_SYNONYMS: dict[str, tuple[str, ...]] = {
    "船": ("小船", "帆船"),
    "房子": ("小屋", "屋子"),
    "汽车": ("小汽车", "车"),
    "树": ("大树",),
    "山": ("高山",),
    "猫": ("小猫", "猫咪"),
    "狗": ("小狗",),
    "鸟": ("小鸟",),
    "马": ("小马",),
    "兔子": ("小兔子",),
    "花": ("花朵",),
    "杯子": ("茶杯",),
    "灯": ("台灯",),
    "书": ("书本",),
    "钟": ("闹钟",),
    "雨伞": ("伞",),
    "自行车": ("单车",),
}
ZH_PLACE: dict[str, tuple[str, ...]] = {
    "海上": ("海上", "海面上", "大海上"),
    "草地上": ("草地上", "田野里"),
    "沙漠里": ("沙漠里", "沙漠中"),
    "城市里": ("城市里", "街上"),
    "森林里": ("森林里", "树林里"),
    "雪地里": ("雪地里", "雪中"),
}
ZH_WEATHER: dict[str, tuple[str, ...]] = {
    "晴天": ("晴天", "晴朗"),
    "下雨": ("下雨", "雨中", "雨天"),
    "有雾": ("有雾", "雾中", "大雾"),
}
ZH_TIME: dict[str, tuple[str, ...]] = {
    "白天": ("白天",),
    "日落": ("日落", "日落时", "傍晚"),
    "夜晚": ("夜晚", "夜里", "晚上"),
}


@dataclass(frozen=True)
class Caption:
    """A sentence and, per attribute of a scene, a bit mask of the values it is true of."""

    text: str
    allows: tuple[int, int, int, int, int, int]

    def describes(self, scene: Scene) -> bool:
        """Whether the sentence is true of the scene."""
        return all(mask >> value & 1 for mask, value in zip(self.allows, scene.attributes(), strict=True))


def caption_en(scene: Scene, rng: random.Random, *, full: bool = False) -> Caption:
    """An English caption; `full` names every attribute, otherwise a random part of them."""
    said = _choose(rng, full)
    allows = _allowed(scene, said)
    if COUNT not in said and THING in said:
        words, allows[COUNT] = _uncounted_en(scene, rng, COLOUR in said)
    elif THING in said:
        words = _counted_en(scene, rng, COLOUR in said)
    else:
        words = ""
    tails = []
    for attribute, sayings, word in (
        (PLACE, SAY_PLACE, scene.place),
        (WEATHER, SAY_WEATHER, scene.weather),
        (TIME, SAY_TIME, scene.time),
    ):
        if attribute in said:
            tails.append(word.en if rng.random() < 0.5 else rng.choice(sayings[word.en]))
    if rng.random() < 0.5:
        rng.shuffle(tails)
    if words and tails and rng.random() < 0.15:
        text = f"{tails[-1]}, {' '.join([words, *tails[:-1]])}"
    else:
        text = " ".join([words, *tails]).strip()
        if words and rng.random() < 0.2:
            text = f"{rng.choice(LEADS)} {text}"
    return Caption(text, _frozen(allows))


def caption_zh(scene: Scene, rng: random.Random, *, full: bool = False) -> Caption:
    """A Chinese caption; `full` names every attribute, otherwise a random part of them."""
    said = _choose(rng, full)
    allows = _allowed(scene, said)
    thing = scene.thing.zh
    if rng.random() < 0.25:
        thing = rng.choice(ZH_SYNONYMS.get(thing, (thing,)))
    words = ""
    if THING in said:
        words = thing
        if COLOUR in said:
            words = f"{scene.colour.zh}的{thing}" if rng.random() < 0.8 else scene.colour.zh[0] + thing
        if COUNT in said:
            words = scene.count.zh + scene.thing.measure + words
    place = rng.choice(ZH_PLACE[scene.place.zh]) if PLACE in said else ""
    times = [rng.choice(ZH_TIME[scene.time.zh])] if TIME in said else []
    if WEATHER in said:
        times.append(rng.choice(ZH_WEATHER[scene.weather.zh]))
    if rng.random() < 0.3:
        times.reverse()
    joint = rng.choice((",", "", " "))
    if place and words:
        clause = place + (rng.choice(("有", "的")) if rng.random() < 0.9 else joint) + words
    else:
        clause = place + words
    text = joint.join([*times, clause]) if clause else joint.join(times)
    return Caption(text, _frozen(allows))


def name_of(thing: Noun, rng: random.Random) -> str:
    """What the thing is called, in either language, in the singular or plural."""
    if rng.random() < 0.4:
        return rng.choice((thing.zh, *ZH_SYNONYMS.get(thing.zh, ())))
    singular, plural = rng.choice(((thing.en, thing.plural), *SYNONYMS.get(thing.en, ())))
    return rng.choice((singular, plural, _with_article(singular)))


def _choose(rng: random.Random, full: bool) -> set[int]:
    """Which attributes to name: mostly the thing, the others by how often people would.

    A third of the captions are as short as most queries are, the thing alone or with its
    colour: only they force an encoder to tell things apart, because in longer ones place,
    weather and time give the picture away.
    """
    if full:
        return {THING, COLOUR, COUNT, PLACE, WEATHER, TIME}
    kind = rng.random()
    if kind < 0.03:
        return {PLACE, rng.choice((WEATHER, TIME))}
    if kind < 0.18:
        return {THING}
    if kind < 0.36:
        return {THING, COLOUR}
    if kind < 0.62:
        return {THING, COLOUR, COUNT, PLACE, WEATHER, TIME}
    likely = ((COLOUR, 0.6), (COUNT, 0.4), (PLACE, 0.45), (WEATHER, 0.3), (TIME, 0.35))
    return {THING} | {attribute for attribute, chance in likely if rng.random() < chance}


def _allowed(scene: Scene, said: set[int]) -> list[int]:
    return [1 << value if index in said else ALL[index] for index, value in enumerate(scene.attributes())]


def _frozen(allows: list[int]) -> tuple[int, int, int, int, int, int]:
    thing, colour, count, place, weather, time = allows
    return thing, colour, count, place, weather, time


def _nouns(scene: Scene, rng: random.Random) -> tuple[str, str]:
    names = SYNONYMS.get(scene.thing.en, ())
    return rng.choice(names) if names and rng.random() < 0.25 else (scene.thing.en, scene.thing.plural)


def _counted_en(scene: Scene, rng: random.Random, with_colour: bool) -> str:
    singular, plural = _nouns(scene, rng)
    colour = scene.colour.en if with_colour else ""
    if scene.count.en == "one":
        words = f"{colour} {singular}".strip()
        return f"one {words}" if rng.random() < 0.4 else _with_article(words)
    number = scene.count.en if rng.random() < 0.85 else str(COUNTS.index(scene.count) + 1)
    return " ".join(part for part in (number, colour, plural) if part)


def _uncounted_en(scene: Scene, rng: random.Random, with_colour: bool) -> tuple[str, int]:
    """A noun phrase without a number, and the mask of counts it may stand for.

    "cat" and "the cat" are what people type for any picture with cats in it, so they allow
    every count; a plural means more than one.
    """
    singular, plural = _nouns(scene, rng)
    colour = scene.colour.en if with_colour else ""
    if scene.count.en != "one" and rng.random() < 0.6:
        words = f"{colour} {plural}".strip()
        return (f"some {words}" if rng.random() < 0.3 else words), ALL[COUNT] & ~1
    words = f"{colour} {singular}".strip()
    return rng.choice((words, f"the {words}")), ALL[COUNT]


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
