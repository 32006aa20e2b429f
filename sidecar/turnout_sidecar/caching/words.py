"""The closed lists that the comparison of questions knows, all of them English and all of them short.

Each list says which difference between two questions is none. A word belongs here only if leaving it out, or putting the
other in its place, cannot change an answer; in doubt it stays out, and the questions count as different.

Rules: plain data; lower case; lists of several words are given as tuples of words.
"""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = {"a": "a", "an": "a", "the": "the"}

BEFORE_ARTICLE = _set(
    """
    about above across after against along among and are around as at be before behind below between but by can
    could did do does down during for from had has have how if in inside into is may near of off on onto or out
    outside over per should since than that through till to under until up upon via was were what when where
    whether which while will with within without would add apply attach book build buy call cancel change check
    choose close connect contact convert copy create cut delete deposit disable download dispute draw edit
    enable enter exchange exclude explain export fill find finish fix get give have hide hire import include
    increase install join keep know leave list load lock lose lost make manage mark merge mount move need offer
    open order pay pick place plan play post print publish push raise reach read receive record reduce register
    remove rename renew rent repair replace report request require reset restart restore return review run save
    schedule see select sell send set share show sign skip sort split start stop store submit support swap take
    teach tell test trace track transfer travel try turn unlock update upgrade upload use using verify view
    visit wait want watch wear withdraw
    """
)
"""After these (or at the beginning) `a`, `an` and `the` are articles. Elsewhere `a` may be a label, as in vitamin a."""

LABELLED = _set(
    """
    book call copy draw draft exchange exit file gate grade group lane line list lock model option order page part phase plan place
    platform play point post print queue record register report room row run schedule section series serve set share
    sort split store support swap table team test trace track type unit use using version view visit watch
    """
)
"""After these `a` may be a label (plan a, set a); `an` and `the` may not."""

NO_ARTICLE_BEFORE = _set(
    """
    minor major flat sharp positive negative
    few little bit lot couple number while good great most more less least best worst same other only one first
    second third last next half dozen hundred thousand million about above after and as at before below between
    but by for from in into of off on or out over than that to under until up via with without is are was were
    be has have had do does did not no never a an the
    """
)
"""Before these the article carries meaning (a few, the most) or is none (from a to b)."""

CONTRACTIONS = {
    "can't": ("can", "not"),
    "cant": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "i'm": ("i", "am"),
    "i've": ("i", "have"),
    "i'll": ("i", "will"),
    "you're": ("you", "are"),
    "you've": ("you", "have"),
    "we're": ("we", "are"),
    "we've": ("we", "have"),
    "they're": ("they", "are"),
    "they've": ("they", "have"),
    "what's": ("what", "is"),
    "whats": ("what", "is"),
    "where's": ("where", "is"),
    "who's": ("who", "is"),
    "how's": ("how", "is"),
    "when's": ("when", "is"),
    "that's": ("that", "is"),
    "there's": ("there", "is"),
    "it's": ("it", "is"),
    "what're": ("what", "are"),
} | {
    f"{verb}{ending}": (verb, "not")
    for verb in (
        "do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "would", "could", "should", "must", "need"
    )
    for ending in ("n't", "nt")
}  # fmt: skip

PARTICLES = frozenset({"up", "in", "out", "on", "off", "down", "back"})
"""Words that a hyphen joins to a verb: top-up and top up are the same."""

GREETINGS = (
    ("good", "morning"),
    ("good", "afternoon"),
    ("good", "evening"),
    ("hi", "there"),
    ("hello", "there"),
    ("hey", "there"),
    ("hi",),
    ("hello",),
    ("hey",),
)
THANKS = (
    ("thank", "you", "very", "much"),
    ("thank", "you", "in", "advance"),
    ("thanks", "in", "advance"),
    ("many", "thanks"),
    ("thank", "you"),
    ("thanks",),
)
PLEASE = frozenset({"please", "kindly", "pls", "plz"})

FILLERS = frozenset({"really", "actually"})

ASKING = (
    ("can", "you", "tell", "me"),
    ("could", "you", "tell", "me"),
    ("would", "you", "tell", "me"),
    ("will", "you", "tell", "me"),
    ("can", "you", "show", "me"),
    ("could", "you", "show", "me"),
    ("can", "you", "give", "me"),
    ("could", "you", "give", "me"),
    ("i", "would", "like", "to", "know"),
    ("i", "want", "to", "know"),
    ("i", "need", "to", "know"),
    ("i", "wish", "to", "know"),
    ("i", "would", "like", "to", "see"),
    ("i", "want", "to", "see"),
    ("let", "me", "know"),
    ("tell", "me"),
    ("show", "me"),
    ("give", "me"),
)
"""What comes before the thing that is asked for, and says no more than a question mark."""
ASKING_BEFORE_WH = (
    ("do", "you", "know"),
    ("can", "you", "explain"),
    ("could", "you", "explain"),
    ("i", "was", "wondering"),
    ("i", "am", "wondering"),
    ("i", "wonder"),
    ("explain",),
)
"""The same, where a word such as `why` follows."""
WHAT_IS = (("what", "is"), ("what", "are"))

REPHRASED: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    *(((wh, verb, "i"), (wh, "to")) for wh in ("how", "where") for verb in ("do", "can", "could", "would")),
    *(((wh, "i", verb), (wh, "to")) for wh in ("how", "where") for verb in ("can", "could")),
    (("which",), ("what",)),
    (("could", "i", "have"), ("can", "i", "get")),
    (("could", "i"), ("can", "i")),
    (("can", "i", "have"), ("can", "i", "get")),
    (("do", "i", "have", "to"), ("do", "i", "need", "to")),
    (("is", "there", "any"), ("is", "there")),
    (("are", "there", "any"), ("are", "there")),
    (("i", "would", "like", "to"), ("i", "want", "to")),
)
"""How a question begins, and the one way in which it is then compared; the first that fits."""

WH = frozenset({"what", "which", "who", "whom", "whose", "where", "when", "why", "how"})
AUXILIARIES = _set(
    """
    is are am was were do does did can could will would shall should may might must has have had
    """
)
PREPOSITIONS = _set(
    """
    about above after against among at before below between by during except for from in inside near of on
    outside over since through till to under until via with within without
    """
)

CASE_MATTERS = _set(
    """
    access aids alphabet amazon android apple april art august basic bath bill block brazil buffalo c cat chase
    china chrome cologne cork crystal dart dawn delta discover drew e earth edge elixir english excel faith
    frank gap gene go grace guinea hope it ion jack japan java jersey job joy julia june labour lens lima mark
    march mars may mercury meta miles mobile nancy nice notion object office opera oracle orange outlook pages
    pat perl phoenix polish python r ram ray reading rich rob rose ruby rust safari sap saturn scala sears shell
    signal slack spark split square stripe sue summer sun swift target teams telegram threads titan tours turkey
    twin us venus visa wales who will windows word x zoom
    """
)
"""Words that mean another thing with a capital letter."""
SHORT_FORMS = _set(
    """
    api atm cpu css csv dna eu eur faq gbp gps gpu html http https iban iot json llc pdf sms sql ssh ssl tls uk
    url usa usb usd vpn wifi www xml yaml
    """
)
"""Abbreviations that are no words in small letters."""

ABOUT_WORDS = _set(
    """
    abbreviate abbreviation acronym anagram antonym antonyms capitalise capitalize characters conjugate correct
    define definition echo etymology following grammar homonym idiom idioms letters literally lyrics mean
    meaning means noun opposite palindrome paragraph paraphrase phrase phrases plural pronounce pronunciation
    proofread proverb punctuation quote regex repeat rephrase reword rewrite rhyme rhymes say saying says
    sentence sentences slug spell spelled spelling spelt summarise summarize summary syllable syllables synonym
    synonyms tense translate translated translating translation typo verb vowel vowels word words
    """
)
"""Where one of these stands a question may be about its own words, and every one of them counts."""
