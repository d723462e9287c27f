"""The documents of the demo library: small texts about the demo world.

Every one is about something of its own, so that a question has one right document, and in
those of several pages one right page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A document to be written in the format that its path's suffix names."""

    path: str
    title: str
    date: str  # ISO 8601, written where the format has a place for it
    pages: tuple[tuple[str, ...], ...]  # paragraphs by page, slide, sheet or chapter

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """All paragraphs in order, for formats without pages."""
        return tuple(paragraph for page in self.pages for paragraph in page)


DOCUMENTS: tuple[Document, ...] = (
    Document(
        "Manuals/lighthouse-keeper-handbook.pdf",
        "The lighthouse keeper's handbook",
        "2021-03-02",
        (
            (
                "Welcome to the lighthouse. This handbook tells you what to do on every watch, and why.",
                "Wear the safety rope on the outer gallery at all times. The spiral stairs have 142 steps and no rail "
                "on the inner side. Never climb them with both hands full.",
                "Keep the logbook on the table beside the door. Write down every visitor and every passing ship.",
            ),
            (
                "Lighting the lamp. Half an hour before sunset, open the curtains around the lens and clean the glass "
                "with a soft dry cloth, never with paper.",
                "Switch on the lamp and wait until it glows evenly. If the bulb flickers, change it: spare bulbs lie "
                "in the green box under the stairs. The lamp stays lit until the sun has fully risen.",
            ),
            (
                "Winding the clockwork. The lens turns because a heavy weight sinks slowly down the middle of the "
                "tower. Every three hours the weight must be wound up again with the iron crank, eighty turns.",
                "Oil the gears on the first Monday of the month. If the beam no longer sweeps round in twelve "
                "seconds, adjust the brass governor by one notch.",
            ),
            (
                "The fog horn. When the bridge at the harbour mouth can no longer be seen, start the compressor and "
                "sound the horn: two blasts of three seconds every minute.",
                "Hearing protection hangs on the hook beside the compressor. Stop only when the bridge has been "
                "visible for a full quarter of an hour.",
            ),
            (
                "Winter care. Empty the water pipes before the first frost. Scrape ice from the gallery windows with "
                "the wooden scraper and spread sand on the outer steps.",
                "In a snowstorm nobody leaves the tower. Tinned soup, blankets and a second radio are stored in the "
                "cellar for five days.",
            ),
        ),
    ),
    Document(
        "Manuals/bicycle-repair.pdf",
        "Repairing a bicycle at home",
        "2022-04-11",
        (
            (
                "Mending a flat tyre. Turn the bicycle upside down and take out the wheel. Lever the tyre off the "
                "rim, pull out the tube and pump it up to hear where the air escapes.",
                "Roughen the rubber, spread the glue thinly, wait five minutes and press the patch on firmly.",
            ),
            (
                "Adjusting the brakes. The pads should touch the rim, not the rubber. Turn the barrel at the brake "
                "lever until the pads sit two millimetres from the rim.",
                "Replace the cable when single wires are broken. Test the brakes at walking speed first.",
            ),
            (
                "Cleaning the chain. Brush off the dirt, wipe the links with an old cloth, and put one drop of oil on "
                "each link. Too much oil catches sand.",
                "A worn chain is longer: when twelve links measure more than 308 millimetres it is time for a new one.",
            ),
        ),
    ),
    Document(
        "Manuals/castle-guide.pdf",
        "A guide to the old castle",
        "2024-07-20",
        (
            (
                "The castle was built on the hill above the river in the thirteenth century. Its walls are four "
                "metres thick and the two round towers once guarded the toll bridge.",
            ),
            (
                "The great kitchen. Three fireplaces, each large enough to roast an ox, fed the whole garrison. The "
                "stone sink still has its original lead drain.",
            ),
            (
                "The dungeon and its ghost. Prisoners scratched their names into the sandstone. Guides like to tell "
                "of a white lady who is said to walk the corridor when the moon is full.",
            ),
            (
                "Opening hours and prices. Open daily except Mondays from ten to five. Adults pay nine euros, "
                "children under twelve enter free. Dogs must wait at the gate.",
            ),
        ),
    ),
    Document(
        "Manuals/rocket-club-rules.pdf",
        "Rules of the model rocket club",
        "2025-01-18",
        (
            (
                "Launch safety. Nobody stands closer than fifteen metres to the launch pad. The launch key stays in "
                "the pocket of the range officer until the sky is clear of airplanes and birds.",
                "Countdown is called aloud from ten. If the engine does not ignite, wait one full minute.",
            ),
            (
                "Parachutes and recovery. Pack the parachute loosely with talcum powder. A rocket that has landed in "
                "a tree or on a power line is left there and reported.",
            ),
        ),
    ),
    Document(
        "Notes/2021/harbour-log.md",
        "Harbour log, June",
        "2021-06-14",
        (
            (
                "Monday: calm sea, two fishing boats out before dawn. A red boat came in at sunset with a torn sail "
                "and moored beside the ice house.",
                "Tuesday: thick fog until noon. The ferry waited outside the harbour mouth for an hour.",
                "Wednesday: the harbour master measured the tide at four metres ten, the highest this year.",
            ),
        ),
    ),
    Document(
        "Notes/2021/mushroom-walk.txt",
        "Mushroom walk",
        "2021-10-09",
        (
            (
                "We set out after the rain, with baskets and the small knife. Under the old oaks we found chanterelles "
                "and one enormous porcini.",
                "The red ones with white dots are beautiful and poisonous: we left the fly agarics where they stood.",
                "Remember: never pick a mushroom that you cannot name for certain. Cut it above the soil, brush it "
                "clean and carry it in a basket so that the spores fall out on the way.",
            ),
        ),
    ),
    Document(
        "Notes/2021/tides.xlsx",
        "Tide table",
        "2021-06-01",
        (
            (
                "Date | High water | Low water | Height in metres",
                "1 June | 05:12 | 11:20 | 3.7",
                "2 June | 06:01 | 12:09 | 3.8",
                "3 June | 06:52 | 12:58 | 3.9",
                "4 June | 07:44 | 13:47 | 4.1",
            ),
        ),
    ),
    Document(
        "Notes/2022/desert-diary.md",
        "Desert diary",
        "2022-03-17",
        (
            (
                "Day one. We let half of the air out of the tyres so that the car would not sink into the soft sand, "
                "and still had to dig it out twice.",
                "Day two. Camp between the dunes. At night the temperature fell to minus two degrees; the water in "
                "the bottles froze inside the tent.",
                "Day three. A balloon drifted over the camp at sunrise, striped and silent. Breakfast was flat bread "
                "baked in the embers.",
            ),
        ),
    ),
    Document(
        "Notes/2022/packing-list.txt",
        "Packing list for the desert",
        "2022-03-01",
        (
            (
                "Water, six litres a person and day. Sun hat with a wide brim. Tent pegs for sand, the long ones.",
                "Spare wheel, shovel, two boards to put under the tyres. Sunglasses, lip balm, headlamp.",
                "A wool blanket for the nights. Map on paper, because there is no signal beyond the last village.",
            ),
        ),
    ),
    Document(
        "Notes/2022/city-walks.html",
        "Three walks through the city",
        "2022-09-05",
        (
            (
                "The clock walk passes the seven public clocks of the old town. The oldest hangs above the pharmacy "
                "and has only one hand.",
                "The bridge walk follows the river from the iron railway bridge to the footbridge with the padlocks.",
                "The lamp walk is for the evening: along the canal the last forty gas lamps are lit by hand.",
            ),
        ),
    ),
    Document(
        "Notes/2022/guitar-lessons.docx",
        "Guitar lessons",
        "2022-11-23",
        (
            (
                "Tuning: from the thickest string to the thinnest, E A D G B E. Tune up to the note, never down.",
                "Week one: the chords G, C and D, changing every four beats. Fingers close behind the fret, thumb "
                "behind the neck.",
                "Week two: fingerpicking. The thumb plays the bass strings, three fingers take the others. Practise "
                "slowly with a metronome at sixty.",
                "New strings every three months, and loosen them before a flight.",
            ),
        ),
    ),
    Document(
        "Notes/2023/garden-plan.md",
        "Garden plan",
        "2023-02-26",
        (
            (
                "Sow tomatoes indoors in the first week of March, beans outdoors after the last frost in mid May.",
                "Sunflowers along the south wall. The lavender bed needs more gravel: its roots rot in wet clay.",
                "Plant flowers for butterflies: buddleia, thyme and marjoram. Leave the nettles behind the shed, "
                "because the caterpillars of the peacock butterfly eat nothing else.",
            ),
        ),
    ),
    Document(
        "Notes/2023/picnic-budget.xlsx",
        "Picnic budget",
        "2023-05-12",
        (
            (
                "Item | Quantity | Price in euros",
                "Apples | 12 | 4.80",
                "Bananas | 10 | 3.20",
                "Lemon cake | 2 | 18.00",
                "Paper cups | 40 | 2.50",
                "Kite string | 1 | 6.90",
                "Total | | 35.40",
            ),
            (
                "Guest | Brings",
                "Neighbours from number four | potato salad",
                "The choir | folding chairs",
                "Football team | ball and nets",
            ),
        ),
    ),
    Document(
        "Notes/2023/kite-workshop.pptx",
        "Kite workshop",
        "2023-05-02",
        (
            ("Kite workshop", "An afternoon in the meadow, for children from eight years."),
            ("Materials", "Two bamboo sticks of 60 and 80 centimetres, silk paper, string, glue and a ruler."),
            ("Building the frame", "Cross the sticks a third from the top, bind them tightly and check the balance."),
            ("Why it flies", "The wind pushes up against the slanted sail. A longer tail makes it calmer."),
        ),
    ),
    Document(
        "Notes/2023/snow-safety.docx",
        "Avalanche notes",
        "2023-01-15",
        (
            (
                "Check the avalanche report every morning. Level three means: stay off slopes steeper than thirty "
                "degrees.",
                "Each of us carries a transceiver, a probe and a shovel. We cross open slopes one at a time.",
                "Fresh snow with strong wind is the most dangerous mix. When in doubt, take the train down to the "
                "village and drink hot chocolate.",
            ),
        ),
    ),
    Document(
        "Notes/2023/bird-watching.rtf",
        "Bird watching by the pond",
        "2023-04-08",
        (
            (
                "Half past five, clear sky. A pair of kingfishers at the lower pond, diving from the dead branch.",
                "Two herons in the reeds. The cuckoo called eleven times from the poplars.",
                "First swallows of the year under the roof of the boathouse.",
            ),
        ),
    ),
    Document(
        "Notes/2024/elephant-facts.html",
        "Facts about elephants",
        "2024-02-10",
        (
            (
                "An elephant eats up to two hundred kilograms of leaves, bark and fruit a day and drinks a bathtub "
                "full of water.",
                "The trunk has some forty thousand muscles and no bones. Its ears give off heat like a radiator.",
                "Herds are led by the oldest female, who remembers water holes for decades.",
            ),
        ),
    ),
    Document(
        "Notes/2024/railway-timetable.pptx",
        "The mountain railway",
        "2024-06-30",
        (
            ("The mountain railway", "A steam train climbs from the valley to the pass, nine hundred metres higher."),
            ("Timetable", "Departures from the valley at 8:15, 11:40 and 15:05. The ride takes one hour and ten."),
            ("The rack", "A toothed rail between the tracks keeps the wheels from slipping on the steepest part."),
        ),
    ),
    Document(
        "Notes/2024/bridge-inspection.docx",
        "Inspection of the footbridge",
        "2024-09-19",
        (
            (
                "The footbridge was inspected after the spring flood. The two stone piers are sound.",
                "Four of the wooden planks are rotten and must be replaced before winter. The railing on the north "
                "side is loose at the third post.",
                "Until the repair the bridge may carry at most ten persons at a time and no horses.",
            ),
        ),
    ),
    Document(
        "Notes/2024/reading-list.odt",
        "Books to read",
        "2024-11-02",
        (
            (
                "A history of clocks and of the people who needed to know the time at sea.",
                "The book about the cat who travelled by train from town to town and always came home for winter.",
                "Stories from the lighthouse, twelve of them, one for each month.",
                "A field guide to mushrooms with good drawings, to replace the one that fell into the brook.",
            ),
        ),
    ),
    Document(
        "Notes/2025/night-sky.md",
        "Night sky",
        "2025-02-21",
        (
            (
                "New moon tonight, no clouds: the best night of the month for the telescope.",
                "Jupiter with all four moons in a row. The Orion nebula was visible as a greenish smudge even in the "
                "small binoculars.",
                "Two satellites and one bright meteor towards the castle hill, at 22:47.",
            ),
        ),
    ),
    Document(
        "Notes/2025/airplane-spotting.txt",
        "At the airfield",
        "2025-03-30",
        (
            (
                "Runway 27 in use, wind from the west. The yellow biplane took off at ten with a banner behind it.",
                "The flying school's small airplane practised touch and go all morning.",
                "The tower asked the model rocket club to wait until the gliders were down.",
            ),
        ),
    ),
    Document(
        "Recipes/apple-cake.md",
        "Apple cake",
        "2021-09-18",
        (
            (
                "Peel four sour apples and cut them into thin slices. Beat 125 grams of butter with the sugar and "
                "three eggs until pale.",
                "Fold in 200 grams of flour with two teaspoons of baking powder. Spread the dough in a tin and press "
                "the apple slices into it like a fan.",
                "Bake for forty minutes at 180 degrees and dust with cinnamon while it is warm.",
            ),
        ),
    ),
    Document(
        "Recipes/banana-bread.txt",
        "Banana bread",
        "2023-08-27",
        (
            (
                "Three bananas that are almost black, mashed with a fork. Add an egg, melted butter and brown sugar.",
                "Stir in flour, baking soda and a handful of walnuts. One hour in the oven at 170 degrees.",
                "It tastes better on the second day, toasted.",
            ),
        ),
    ),
    Document(
        "Recipes/fish-soup.docx",
        "Fish soup from the harbour",
        "2021-06-20",
        (
            (
                "Simmer the heads and bones with fennel, leek and a bay leaf for half an hour, then strain the broth.",
                "Add saffron, tomatoes and potatoes. The pieces of cod and the mussels go in for the last six minutes.",
                "Serve with toasted bread and garlic mayonnaise.",
            ),
        ),
    ),
    Document(
        "Recipes/tea-blends.epub",
        "A cup of tea for every weather",
        "2022-12-04",
        (
            ("For rainy days: black tea with orange peel and cloves, steeped for four minutes in a warm cup.",),
            ("For clear mornings: green tea with mint. The water must not boil: seventy degrees are enough.",),
            ("For fog and sore throats: fresh ginger, thyme and a spoon of honey, as hot as you can drink it.",),
        ),
    ),
    Document(
        "Letters/2021/from-the-lighthouse.txt",
        "A letter from the lighthouse",
        "2021-08-03",
        (
            (
                "Dear all, the summer at the lighthouse is quiet. In the morning I paint the railing, in the "
                "afternoon I watch the seals on the rocks.",
                "Last week a storm threw a whole tree on the landing stage, roots and all. We made a bench of it.",
                "Come and visit before the autumn gales, and bring coffee and new batteries for the radio.",
            ),
        ),
    ),
    Document(
        "Letters/2022/lost-cat.docx",
        "Our cat is missing",
        "2022-10-14",
        (
            (
                "Our grey cat has been missing since Sunday evening. She is shy, has a white paw and wears a green "
                "collar with a bell.",
                "Please look into your garages and cellars. A reward of fifty euros waits for whoever finds her.",
            ),
        ),
    ),
    Document(
        "Letters/2023/invitation.eml",
        "Invitation to the picnic in the meadow",
        "2023-05-08",
        (
            (
                "Dear friends, on Saturday the twentieth we celebrate the beginning of summer with a picnic in the "
                "meadow behind the mill.",
                "There will be cake, music and a kite contest. Please bring a cup and something to sit on.",
                "If it rains we meet in the barn.",
            ),
        ),
    ),
    Document(
        "Letters/2024/rabbit-hutch.eml",
        "The rabbit hutch",
        "2024-03-25",
        (
            (
                "Hello, thank you for lending us the rabbit hutch. The children have built a run of wire mesh beside "
                "it, two metres long.",
                "The rabbits ate the whole bed of parsley on the first day. We return the hutch after Easter, with a "
                "new roof of tar paper.",
            ),
        ),
    ),
    Document(
        "Letters/2024/lost-umbrella.txt",
        "Lost umbrella",
        "2024-10-28",
        (
            (
                "To the forester's office. On Sunday I left a black umbrella in the forest, on the bench beside the "
                "second pond.",
                "It has a bent wooden handle and a small burn near the edge. If somebody has handed it in, please "
                "keep it for me: I come by every Friday.",
            ),
        ),
    ),
    Document(
        "Letters/2025/insurance-claim.docx",
        "Claim for water damage",
        "2025-05-06",
        (
            (
                "To the insurance company. On the night of the second of May the washing machine hose burst in the "
                "flat above ours.",
                "The water ruined the carpet, a bookcase and the ceiling of the hall. Photographs and the plumber's "
                "invoice over 640 euros are attached.",
                "We ask for an assessor's visit within two weeks.",
            ),
        ),
    ),
    Document(
        "Letters/2025/spring-holiday.md",
        "Plans for the spring holiday",
        "2025-01-30",
        (
            (
                "Shall we rent the wooden house near the mountain again? It has a stove, six beds and a piano.",
                "We could hire horses at the farm and ride to the waterfall. The pass opens in April.",
                "If you take the early train we fetch you with the car at noon.",
            ),
        ),
    ),
)
