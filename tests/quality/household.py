"""The gate for text in a small library of everyday papers, asked the way people ask.

    python -m tests.quality.household

writes 30 short notes of a household as text files, indexes them through the whole pipeline with the shipped text
encoder, and asks two kinds of query: what one of the notes says, mostly in other words, and what none of them is
about. Cranfield's queries are long and technical; these are short, and the library is too small to have a background
of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from core.config import Settings, folders_under
from core.engine import Engine
from core.types import Query

NOTES: dict[str, tuple[str, tuple[str, ...]]] = {
    "lease": (
        "The tenant pays the monthly rent for the flat on the first day of each month. The deposit is three rents.",
        ("what I owe my landlord", "apartment contract"),
    ),
    "bicycle": (
        "The bicycle needs a new chain and the rear brake squeals. Ask the workshop in Mill Street for a price.",
        ("bicycle repair", "bike brakes"),
    ),
    "saturn": (
        "Last night we saw Saturn through the neighbour's telescope. The rings were sharp, and two moons as well.",
        ("looking at the planets", "telescope night"),
    ),
    "bread": (
        "Mix flour, water and salt. Let the dough rest overnight and bake the loaf in a very hot oven.",
        ("how to make bread", "sourdough recipe"),
    ),
    "dentist": (
        "Dr. Lang has moved my appointment to Thursday at ten: one filling, lower left, and a cleaning.",
        ("when do I see the dentist", "tooth appointment"),
    ),
    "boiler": (
        "The boiler loses pressure every few weeks. The plumber topped it up to 1.5 bar and will replace the valve.",
        ("heating problem", "plumber visit"),
    ),
    "passport": (
        "My passport runs out in March. The town hall needs two photographs and 60 euros; it takes four weeks.",
        ("renew travel documents", "passport expiry"),
    ),
    "garden": (
        "Planted tomatoes and basil along the south wall. The slugs ate the lettuce again, so copper tape this time.",
        ("vegetables we planted", "slugs in the garden"),
    ),
    "school": (
        "Parents' evening is on the twelfth. Mia reads well but should practise her multiplication tables.",
        ("how is Mia doing at school", "meeting with the teacher"),
    ),
    "insurance": (
        "The insurer pays for the water damage in the kitchen, minus an excess of 150 euros. Claim number 4471.",
        ("flooded kitchen claim", "insurance payment"),
    ),
    "norway": (
        "We take the night ferry to Oslo, then the train over the mountains to Bergen. Two cabins are booked.",
        ("our trip to Norway", "ferry tickets"),
    ),
    "vet": (
        "The cat had her yearly vaccination. She is a little too heavy: smaller portions, says the vet.",
        ("cat at the vet", "pet vaccination"),
    ),
    "tax": (
        "For the tax return we still lack the receipts for the office chair and the statement of the bank.",
        ("documents for the tax office", "tax receipts"),
    ),
    "choir": (
        "Rehearsal for the Christmas concert every Tuesday. The altos start from page nine of the Bach.",
        ("singing practice", "christmas concert"),
    ),
    "car": (
        "The car passed its inspection, but the tyres at the front are worn and must be changed before winter.",
        ("new tyres", "car inspection result"),
    ),
    "will": (
        "Grandfather leaves the house by the lake to his two daughters and the stamp collection to Peter.",
        ("who inherits the house", "grandfather's testament"),
    ),
    "router": (
        "The wireless network is called Attic and the router sits behind the bookshelf. Restart it when it blinks red.",
        ("wifi at home", "internet does not work"),
    ),
    "marathon": (
        "Training plan: three short runs a week, a long one on Sunday, up to 32 kilometres before the marathon.",
        ("running schedule", "preparing for a marathon"),
    ),
    "wedding": (
        "Anna and Luis marry on the sixth of June in the old mill. Ninety guests, vegetarian menu, band until two.",
        ("the wedding of Anna", "party with a band"),
    ),
    "wine": (
        "The Riesling from the Nahe was the best of the evening: dry, a little salty, nine euros a bottle.",
        ("white wine we liked", "wine tasting"),
    ),
    "loan": (
        "The bank lends us 180,000 euros at 3.4 percent for fifteen years to buy the house.",
        ("mortgage interest rate", "money borrowed from the bank"),
    ),
    "piano": (
        "The piano tuner comes twice a year. The middle C still sticks when the air is damp.",
        ("piano tuning", "sticking piano key"),
    ),
    "chess": (
        "I lost the endgame again: rook and pawn against rook. Study the Lucena position before the next club night.",
        ("chess endgame", "board game club"),
    ),
    "allergy": (
        "Blood test: strong reaction to birch and hazel pollen, none to cats. Tablets from February on.",
        ("hay fever test", "what am I allergic to"),
    ),
    "move": (
        "The movers come at seven with two vans. The boxes for the cellar are marked blue, the kitchen red.",
        ("moving house", "removal company"),
    ),
    "birds": (
        "At the feeder this morning: nine goldfinches, a nuthatch, and for the first time a great spotted woodpecker.",
        ("birds in winter", "woodpecker"),
    ),
    "job": (
        "Thank you for your application. We would like to invite you to an interview for the post of librarian.",
        ("job interview invitation", "library job"),
    ),
    "shed": (
        "To roof the shed we need 14 metres of batten, bitumen sheet and a box of 40 mm nails.",
        ("materials for the roof", "building the shed"),
    ),
    "film": (
        "The film was slow but beautiful: two lighthouse keepers, a storm, and hardly a word for two hours.",
        ("movie about a lighthouse", "what I thought of the film"),
    ),
    "medicine": (
        "One tablet in the morning with water for the blood pressure, the drops for the eyes at night.",
        ("medication list", "pills to take"),
    ),
}
"""Each note with two queries that mean it."""

ABSENT = (
    "quantum cryptography lecture", "xyzzy plugh", "submarine engine manual", "stock market crash", "python traceback",
    "roman emperors", "guitar chords", "knitting pattern for socks", "football league table", "how to tie a bow tie",
    "volcano eruption in iceland", "nuclear power station", "aquarium filter", "judo lesson", "surfboard rental",
    "the french revolution", "crypto wallet password", "drone photography", "sushi restaurant", "hotel in venice",
    "diving licence", "solar panels", "beekeeping", "astronaut interview", "spanish verbs", "cheese fondue",
    "tattoo design", "horse riding", "model railway", "electric scooter", "yoga class", "witness statement",
    "blackmail letter", "camel caravan in the desert", "oil painting restoration", "kubernetes cluster upgrade",
)  # fmt: skip
"""What no note is about."""


def main() -> None:
    """Index the notes, ask both kinds of query, and print the rates and what went wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "papers"
        library.mkdir()
        for number, (text, _) in enumerate(NOTES.values()):
            (library / f"scan{number:03}.txt").write_text(text, "utf-8")  # a name that tells nothing
        engine = Engine.open(Settings(folders_under(Path(scratch) / "home")))
        try:
            engine.add_root(library)
            engine.index()
            report(engine)
        finally:
            engine.close()


def report(engine: Engine) -> None:
    """Print how many queries were answered, and rightly."""
    asked = first = shown = 0
    for number, (name, (_, queries)) in enumerate(NOTES.items()):
        for text in queries:
            result = engine.search(Query(text, include_gated=True))
            names = [hit.name for hit in result.hits]
            place = names.index(f"scan{number:03}.txt") if f"scan{number:03}.txt" in names else None
            asked += 1
            passes = place is not None and not result.hits[place].gated
            shown += passes
            first += passes and place == 0
            if not passes:
                score = "not found" if place is None else f"score {result.hits[place].score:.2f}"
                print(f"  hidden: {text!r} -> {name} ({score})")
    answered = [text for text in ABSENT if engine.search(Query(text)).hits]
    print(f"queries that mean a note: {asked}; shown {shown / asked:.3f}, first {first / asked:.3f}")
    print(f"queries about nothing here: {len(ABSENT)}; answered {len(answered) / len(ABSENT):.3f} {answered}")


if __name__ == "__main__":
    main()
