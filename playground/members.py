"""The members of the demo, all of them invented: who they are, where and how much they buy."""

from dataclasses import dataclass, field

DEMO_CUSTOMER = "demo"
CLUB = ("TIDELINE",)
CLUB_AND_CIRCLE = ("TIDELINE", "PILOTS")

FRANCE = ("WEB-FR", "STORE-BREST", "APP-EU")
UNITED_STATES = ("WEB-US", "STORE-MONTEREY", "CALL-US")
MONTEREY = ("STORE-MONTEREY", "CALL-US")
JAPAN = ("STORE-KAMAKURA",)
KUWAIT = ("STORE-KUWAIT",)


@dataclass(frozen=True, slots=True)
class Holder:
    """One card: its customer (None: anonymous), where it is used, and how often in the last months.

    `basket` is the dearest article that goes into a purchase, in euros.
    """

    customer: str | None
    channels: tuple[str, ...]
    joined_days_ago: int
    visits: int
    basket: int
    programs: tuple[str, ...] = CLUB
    tender_type: str = "AS_CARD_TENDER"
    block_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    customer_id: str
    name: str
    affiliations: tuple[str, ...] = ()
    email: str = field(init=False)

    def __post_init__(self) -> None:
        first, *_ = self.name.lower().replace("é", "e").replace("ø", "o").split()
        object.__setattr__(self, "email", f"{first}.{self.customer_id}@example.com")


PEOPLE = (
    Person(DEMO_CUSTOMER, "Maya Lindgren", ("sailing-club",)),
    Person("C-1001", "Yann Le Goff", ("rescuer",)),
    Person("C-1002", "Éloïse Marchand"),
    Person("C-1003", "Tomasz Wieczorek"),
    Person("C-1004", "Inès Carvalho", ("sailing-club",)),
    Person("C-1005", "Gwenaëlle Kermarrec", ("employee",)),
    Person("C-1006", "Anton Seidel"),
    Person("C-1007", "Camille Roussel"),
    Person("C-1008", "Atelier Voile & Vent", ("wholesale",)),
    Person("C-1009", "Solveig Bakke"),
    Person("C-1010", "Marguerite Pons"),
    Person("C-1011", "Bastien Guérin", ("rescuer", "sailing-club")),
    Person("C-2001", "Denise Okonkwo"),
    Person("C-2002", "Walter Ybarra"),
    Person("C-2003", "Priya Raman", ("sailing-club",)),
    Person("C-2004", "Caleb Whitfield"),
    Person("C-2005", "Rosa Delgado"),
    Person("C-2006", "Jonah Feld"),
    Person("C-2007", "Harriet Stone", ("rescuer",)),
    Person("C-2008", "Luis Arroyo"),
    Person("C-2009", "Nadia Petrov"),
    Person("C-2010", "Emmett Clarke"),
    Person("C-3001", "Haruka Mori"),
    Person("C-3002", "Kenji Watanabe"),
    Person("C-3003", "Aoi Tanabe", ("sailing-club",)),
    Person("C-3004", "Sora Hayashi"),
    Person("C-4001", "Fatima Al-Sabti"),
    Person("C-4002", "Yousef Al-Mutlaq"),
    Person("C-4003", "Noor Al-Ajeel"),
    Person("C-4004", "Dana Al-Rifai"),
)

HOLDERS = (
    Holder(DEMO_CUSTOMER, FRANCE, 440, 0, 0),  # its purchases are written out by hand
    Holder("C-1001", FRANCE, 420, 14, 90),
    Holder("C-1002", FRANCE, 400, 12, 330),
    Holder("C-1003", FRANCE, 330, 6, 120),
    Holder("C-1004", FRANCE, 410, 22, 330),
    Holder("C-1005", FRANCE, 425, 13, 130),
    Holder("C-1005", FRANCE, 150, 4, 60, tender_type="NO_TENDER"),
    Holder("C-1006", FRANCE, 90, 3, 130),
    Holder("C-1007", FRANCE, 300, 9, 60, block_reason="Reported lost on the night ferry."),
    Holder("C-1008", FRANCE, 380, 8, 330),
    Holder("C-1009", FRANCE, 200, 8, 190),
    Holder("C-1010", FRANCE, 45, 2, 60),
    Holder("C-1011", FRANCE, 415, 17, 190, programs=CLUB_AND_CIRCLE),
    Holder("C-2001", UNITED_STATES, 420, 15, 190),
    Holder("C-2002", MONTEREY, 405, 11, 330, programs=CLUB_AND_CIRCLE),
    Holder("C-2003", UNITED_STATES, 350, 9, 130),
    Holder("C-2004", UNITED_STATES, 390, 12, 60),
    Holder("C-2005", UNITED_STATES, 410, 16, 330, tender_type="AS_CONTACT_TENDER"),
    Holder("C-2006", UNITED_STATES, 70, 2, 90),
    Holder("C-2007", UNITED_STATES, 400, 10, 130),
    Holder("C-2008", UNITED_STATES, 250, 6, 90),
    Holder("C-2009", UNITED_STATES, 180, 5, 190),
    Holder("C-2010", UNITED_STATES, 20, 1, 60),
    Holder("C-3001", JAPAN, 410, 14, 190),
    Holder("C-3002", JAPAN, 280, 7, 330),
    Holder("C-3003", JAPAN, 390, 10, 90),
    Holder("C-3004", JAPAN, 60, 3, 60),
    Holder("C-4001", KUWAIT, 405, 12, 330),
    Holder("C-4002", KUWAIT, 230, 6, 130),
    Holder("C-4003", KUWAIT, 120, 4, 90),
    Holder("C-4004", KUWAIT, 365, 8, 60),
    Holder(None, ("STORE-BREST",), 320, 7, 60),
)
