"""The words that synthetic homes and instructions are made of; nobody named here exists."""
# ruff: noqa: SIM905  # a list of words reads better as text

__all__ = [
    "BODIES",
    "COMPANIES",
    "FAMILY_NAMES",
    "GIVEN_NAMES",
    "NUMBER_WORDS",
    "PLACES",
    "QUALIFIERS",
    "SOLO_TOPICS",
    "THINGS",
    "SYLLABLES",
    "VENDORS",
    "VERBS",
]

GIVEN_NAMES = tuple(
    """
    Anna Ben Clara David Emma Felix Greta Hugo Irene Jonas Kira Leon Marta Nils Olga Peter Rosa
    Samuel Tina Victor Wanda Yusuf Zara Amir Bianca Carlos Diana Erik Fatima George Hannah Ivan
    Julia Kevin Laura Milan Nora Oscar Paula Ravi Sofia Thomas Ursula Vera Walter Xenia Yara Zoe
    Aaron Beatriz Chloe Dmitri Elena Farid Gloria Henrik Ines Jamal Karin Louis Maria Nadia Omar
    Priya Quentin Renata Stefan Teresa Umar Valerie William Jeanne Marc Alice Tom Camille Mehmet
    Agnes Bruno Cecilia Daniel Esther Francis Gabriel Helen Isaac Judith Klaus Linda Martin Natalie
    Otto Pauline Robert Sarah Theo Viola Arthur Lucia Simon Ruth Adam Ella Noah Mina Leo Ida Max Eva
    Jan Lena Hassan Aisha Pedro Paul Élodie Sven Ingrid Karim Yuki Grace Lucas Sophie Mateo Freya
    Anselm Delphine Tariq Moira Bjarne Kenji Ottilie Rafael Saskia Tobias Wiebke Zdenek Andrea Luigi
    Hedda
    """.split()
)
FAMILY_NAMES = tuple(
    """
    Adler Bauer Costa Dubois Evans Fischer Garcia Hansen Ito Jensen Keller Lopez Meyer Novak Olsen
    Peters Quinn Rossi Schmidt Tanner Ueda Vogel Weber Xu Young Zimmer Almeida Brown Carter Diaz
    Engel Ferrari Gruber Hughes Ivanov Jones Khan Larsen Müller Nilsson Ortiz Parker Reed Santos
    Taylor Usman Varga Walsh Yilmaz Zhang Andersen Bianchi Clark Dupont Eriksen Flores Green Huber
    Iqbal Jansen Kowalski Lambert Murphy Nguyen Okoye Perez Roy Silva Torres Ullmann Vargas Wagner
    Yamada Ziegler Arnold Becker Cohen Dahl Edwards Fontaine Girard Hill Ibrahim Johansson Klein
    Lindgren Mason Nakamura Owens Patel Ramos Schneider Thompson Vidal Wood Moreau Martin Petit
    Haddad Tanaka Okafor Sørensen Abbott Bergström Castellano Drummond Eisenberg Fitzgerald Grünwald
    Hallström Ivarsson Kaminski Lefebvre Marchetti Nordqvist Oyelaran Pfeiffer Rasmussen Szabo
    """.split()
)
COMPANIES = tuple(
    """
    Northwind Bluefield Oakline Marigold Silverton Redwood Lakeside Kestrel Harbourline Sunbeam
    Ironbridge Greystone Maplewood Fairview Stonehill Brightwater Westgate Cloverfield Amberley
    Hollis Pinecrest Tidewater Larkspur Copperfield Windmere Ashford
    """.split()
)
QUALIFIERS = tuple(
    """
    kitchen garden team budget school summer sales marketing holiday security travel office client
    family music winter training charity roof contract product design project board quarterly weekly
    supplier website insurance safety launch pricing hiring library museum factory warehouse
    bathroom energy harbour concert staff audit tax customer research logistics vineyard bakery
    orchard clinic archive festival
    """.split()
)
THINGS = tuple(
    """
    review meeting plan workshop report party trip call dinner lesson repair order survey class
    visit update lunch interview inspection presentation discussion briefing rehearsal check session
    tour delivery appointment workout seminar tasting consultation
    """.split()
)
SOLO_TOPICS = tuple(
    """
    boiler wifi car bike cat passport dentist insurance allergy printer alarm lawnmower piano recipe
    packing gifts garage heating router warranty mortgage visa medication tyres camera laptop fridge
    oven dishwasher parking gym choir yoga football chess painting gardening physio birthday wedding
    honeymoon attic sauna telescope aquarium kayak beehive
    """.split()
)
PLACES = (
    "Room 2",
    "Room 7",
    "Main hall",
    "Café Linden",
    "At home",
    "Studio B",
    "Town hall",
    "Pier 4",
    "Annexe",
)
NUMBER_WORDS = ("five", "ten", "fifteen", "twenty", "thirty", "two", "three", "six", "forty", "eight")
BODIES = (
    "The {x} is nearly done, one part is missing.",
    "Please look at the {x} when you can.",
    "The code for the {x} is {k}.",
    "We moved the {x}. It begins at {t} now.",
    "The {x} costs {k} euros, everything included.",
    "Remember: the {x} needs a signature before Friday.",
    "Call the hotline about the {x}, the number is {k}.",
    "All papers for the {x} are in the blue folder.",
    "The {x} went well. Next time we need more chairs.",
    "Ask for a second offer for the {x}.",
)
VENDORS = tuple(
    """
    acme home my pim desk suite nova orbit hub core work life data local smart quick mini alpha
    basic pocket office tiny agent kit box
    """.split()
)
VERBS = frozenset(
    """
    email send let write tell mail please inform drop schedule set add create plan book arrange invite put block
    list show cancel delete remove take call scrap find look search read remind pull share forward open give pass
    save make note jot keep dig locate
    """.split()
)
"""With which a request may begin that people wrap in a question."""
SYLLABLES = tuple(
    """
    ka lo mi ter van sol bri ne ro shu fe li gar do pen ti wal mer ju ba cor den fi lan mo ras te vo zi ble cran
    dor el fro gle ham in jor kel lum nor os pra quin ru ster tro ul ver wim yar zan ard ber che dra eth gan
    """.split()
)
"""Of made-up words."""
