"""The closed vocabulary of the illustrated demo world, in English and Chinese.

Pictures, captions, documents and spoken sentences of the demo are all made from
these words, so that a query in one of them has a known right answer in the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A thing that can be drawn and named."""

    en: str
    plural: str
    zh: str
    measure: str  # the Chinese measure word that counts it


@dataclass(frozen=True)
class Word:
    """A colour, place, weather or time of day."""

    en: str
    zh: str


THINGS: tuple[Noun, ...] = (
    Noun("boat", "boats", "船", "艘"),
    Noun("house", "houses", "房子", "座"),
    Noun("car", "cars", "汽车", "辆"),
    Noun("tree", "trees", "树", "棵"),
    Noun("mountain", "mountains", "山", "座"),
    Noun("cat", "cats", "猫", "只"),
    Noun("dog", "dogs", "狗", "只"),
    Noun("bird", "birds", "鸟", "只"),
    Noun("fish", "fish", "鱼", "条"),
    Noun("horse", "horses", "马", "匹"),
    Noun("rabbit", "rabbits", "兔子", "只"),
    Noun("elephant", "elephants", "大象", "头"),
    Noun("butterfly", "butterflies", "蝴蝶", "只"),
    Noun("flower", "flowers", "花", "朵"),
    Noun("mushroom", "mushrooms", "蘑菇", "个"),
    Noun("apple", "apples", "苹果", "个"),
    Noun("banana", "bananas", "香蕉", "根"),
    Noun("cake", "cakes", "蛋糕", "个"),
    Noun("cup", "cups", "杯子", "个"),
    Noun("chair", "chairs", "椅子", "把"),
    Noun("lamp", "lamps", "灯", "盏"),
    Noun("book", "books", "书", "本"),
    Noun("clock", "clocks", "钟", "个"),
    Noun("key", "keys", "钥匙", "把"),
    Noun("guitar", "guitars", "吉他", "把"),
    Noun("umbrella", "umbrellas", "雨伞", "把"),
    Noun("hat", "hats", "帽子", "顶"),
    Noun("ball", "balls", "球", "个"),
    Noun("kite", "kites", "风筝", "个"),
    Noun("balloon", "balloons", "气球", "个"),
    Noun("bicycle", "bicycles", "自行车", "辆"),
    Noun("train", "trains", "火车", "列"),
    Noun("airplane", "airplanes", "飞机", "架"),
    Noun("rocket", "rockets", "火箭", "枚"),
    Noun("bridge", "bridges", "桥", "座"),
    Noun("castle", "castles", "城堡", "座"),
    Noun("lighthouse", "lighthouses", "灯塔", "座"),
    Noun("tent", "tents", "帐篷", "顶"),
)

COLOURS: tuple[Word, ...] = (
    Word("red", "红色"),
    Word("blue", "蓝色"),
    Word("green", "绿色"),
    Word("yellow", "黄色"),
    Word("orange", "橙色"),
    Word("purple", "紫色"),
    Word("black", "黑色"),
    Word("white", "白色"),
)

COUNTS: tuple[Word, ...] = (Word("one", "一"), Word("two", "两"), Word("three", "三"))

PLACES: tuple[Word, ...] = (
    Word("on the sea", "海上"),
    Word("in a meadow", "草地上"),
    Word("in the desert", "沙漠里"),
    Word("in the city", "城市里"),
    Word("in the forest", "森林里"),
    Word("in the snow", "雪地里"),
)

WEATHERS: tuple[Word, ...] = (Word("in clear weather", "晴天"), Word("in the rain", "下雨"), Word("in fog", "有雾"))

TIMES: tuple[Word, ...] = (Word("by day", "白天"), Word("at sunset", "日落"), Word("at night", "夜晚"))
