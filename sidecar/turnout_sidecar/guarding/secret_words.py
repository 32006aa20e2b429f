"""The words that speak of secrets, in many languages, and those that turn a name into that of something public.

Tables only: the detector of assigned values puts them together.

Rules: patterns are in the syntax that both RE2 and re know and match in lower case; letters that Latin-1 does not know are fine.
"""

PASSWORDS = (
    r"pass(?:word|wd|code|phrase|wort|ord)?s?|p(?:ass)?wd|pwd|pw|kennwort|passwort|contrase(?:ñ|n)a|clave|senha"
    r"|mot de passe|mdp"
    r"|parola(?: d'ordine)?|wachtwoord|l(?:ö|o)senord|adgangskode|salasana|has(?:ł|l)o|heslo|jelsz(?:ó|o)"
    r"|lozinka|geslo"
    r"|(?:ş|s)ifre|parool|parole|slapta(?:ž|z)odis|kata sandi|m(?:ậ|a)t kh(?:ẩ|a)u"
)
KEYS = (
    r"(?:(?:api|access|secret|private|account|shared|signing|encryption|master|license|service|client|app|auth"
    r"|deploy|storage"
    r"|webhook|bot|admin|root|user|db|refresh|session|bearer|instrumentation|subscription)[_\- ]?)?"
    r"(?:keys?|secrets?|tokens?|credentials?|authorization|auth|bearer|jwt|pin|sig|signature|session ?id"
    r"|sessionid|cookie)"
    r"|apikey|x-api-key|schl(?:ü|ue)ssel|llave|chave|cl(?:é|e)|chiave|geheim(?:nis)?|sleutel|nyckel|n(?:ø|o)gle"
    r"|klucz|jeton|segredo|secreto"
)
MEANS = r"is|was|are|ist|lautet|war|est|es|era|e|é|è|foi|är|er|on|to|=>|:=|[:=]|->|as"
NOT_SECRET = frozenset(
    [
        "public",
        "ssh",
        "pgp",
        "gpg",
        "primary",
        "foreign",
        "partition",
        "sort",
        "cache",
        "idempotency",
        "row",
        "hash",
        "group",
        "routing",
        "object",
        "storage",
        "s",
        "index",
        "unique",
        "dict",
        "map",
        "json",
        "count",
        "max",
        "min",
        "total",
        "num",
        "per",
        "mon",
        "tur",
        "don",
        "hot",
        "whis",
        "joc",
        "next",
        "page",
        "pagination",
        "cursor",
        "continuation",
        "stop",
        "pad",
        "eos",
        "bos",
        "unk",
        "mask",
        "sep",
        "cls",
        "special",
        "prompt",
        "completion",
        "input",
        "output",
        "cached",
        "reasoning",
        "used",
        "limit",
        "author",
        "stream",
        "widget",
    ]
)
NOT_PART = frozenset(
    [
        "id",
        "ids",
        "name",
        "names",
        "type",
        "count",
        "counts",
        "limit",
        "length",
        "len",
        "size",
        "url",
        "uri",
        "path",
        "file",
        "field",
        "hint",
        "policy",
        "expiry",
        "expires",
        "expiration",
        "expired",
        "ttl",
        "usage",
        "reset",
        "strength",
        "label",
        "prefix",
        "suffix",
        "hash",
        "digest",
        "version",
        "index",
        "idx",
        "rotation",
        "algorithm",
        "alg",
        "format",
        "error",
        "required",
        "word",
        "words",
    ]
)
NOT_ENDING = (
    "board",
    "frame",
    "stone",
    "note",
    "pad",
    "ring",
    "izer",
    "izers",
    "tokenization",
    "tokenized",
    "entic",
    "author",
    "error",
    "errors",
    "exception",
    "press",
    "event",
    "stroke",
    "gen",
)
