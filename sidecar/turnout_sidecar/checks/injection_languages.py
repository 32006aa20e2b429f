"""Signs in languages other than English: orders taken back, and questions for the prompt.

German, French, Spanish, Italian, Portuguese, Dutch, Polish, Turkish, Russian, Chinese, Japanese and Korean.

Rules: letters outside ASCII are written as escapes; see injection_words for what else an expression may hold.
"""

from turnout_sidecar.checks.injection_words import SCRIPTS, Sign

OTHER_LANGUAGES = (
    Sign(
        "override",
        0.93,
        (
            r"\b(?:ignorier(?:e|en|t)?|vergiss|missachte|beachte)\b~~~\b(?:vorherigen?|bisherigen?|obigen?"
            r"|vorigen?|vorangegangenen?|fr\x{FC}heren?|deine)~~(?:anweisungen|befehle|instruktionen|regeln"
            r"|vorgaben|anordnungen)"
        ),
        ("ignorier ignoriere ignorieren ignoriert vergiss missachte beachte",),
    ),
    Sign(
        "extraction",
        0.92,
        (
            r"\b(?:zeig(?:e)?|nenn(?:e)?|wiederhol(?:e)?|gib|verrate|offenbare)\b~~~\b(?:deine[nr]?|de[nr]"
            r"|die)~~(?:system-?~?prompt|systemanweisung(?:en)?|urspr\x{FC}nglichen?~anweisungen"
            r"|geheimen?~anweisungen)"
        ),
        ("zeig zeige nenn nenne wiederhol wiederhole gib verrate offenbare",),
    ),
    Sign(
        "override",
        0.93,
        (
            r"\b(?:ignore[zr]?|oublie[zr]?|n[e']~?tene?z~pas~compte~de)\b~~~\b(?:instructions|consignes"
            r"|r\x{E8}gles|directives|ordres)~~(?:pr\x{E9}c\x{E9}dente?s|ant\x{E9}rieure?s|ci-dessus|initiales)"
        ),
        ("ignore ignorez ignorer oublie oubliez tiens tenez tene", "instructions consignes directives ordres gles"),
    ),
    Sign(
        "extraction",
        0.92,
        (
            r"\b(?:affiche[rz]?|montre[rz]?|r\x{E9}v\x{E8}le|r\x{E9}v\x{E9}le[rz]|donne[rz]?|r\x{E9}p\x{E8}te"
            r"|r\x{E9}p\x{E9}te[rz])\b~~~\b(?:prompt~syst\x{E8}me|invite~syst\x{E8}me"
            r"|instructions~(?:syst\x{E8}me|initiales|secr\x{E8}tes|cach\x{E9}es))"
        ),
        ("affiche affichez afficher montre montrez montrer r donne donnez",),
    ),
    Sign(
        "override",
        0.93,
        (
            r"\b(?:ignor[ae](?:r|d)?|olvid[ae](?:r|d)?|desconsider[ae]|esque[c\x{E7}][ae]"
            r"|dimentica(?:re)?)\b~~~(?:instru(?:cciones|\x{E7}\x{F5}es)|istruzioni|reglas|regras|regole|\x{F3}rdenes"
            r"|ordens|ordini|directrices|comandos)~~(?:anterior(?:es|i)|previ[aeo]s?|precedenti|de~arriba|acima"
            r"|iniciales|iniciais)"
        ),
        (
            (
                "ignora ignorar ignore ignorad olvida olvidar olvide olvidad desconsidera desconsidere esquece "
                "esque dimentica dimenticare"
            ),
        ),
    ),
    Sign(
        "extraction",
        0.92,
        (
            r"\b(?:mu[e\x{E9}]stra(?:me)?|revela(?:me)?|repite|dime|mostre|revele|repita|mostra(?:mi)?"
            r"|rivela(?:mi)?|ripeti)\b~~~(?:prompt~d[eoi]l?~sistema|prompt~inicial|instruc(?:ciones"
            r"|\x{F5}es)~(?:del?~sistema|do~sistema|iniciales|iniciais|ocultas|secretas)|istruzioni~(?:di~sistema"
            r"|iniziali|segrete))"
        ),
        (
            (
                "mu muestra muestrame revela revelame repite dime mostre revele repita mostra mostrami rivela "
                "rivelami ripeti"
            ),
        ),
    ),
    Sign(
        "override",
        0.93,
        (
            r"\b(?:negeer|vergeet)\b~~~(?:vorige|eerdere|voorgaande|bovenstaande)~~(?:instructies|opdrachten"
            r"|regels|aanwijzingen)|\b(?:zignoruj|zapomnij|pomi\x{144})\b~~~(?:poprzednie|wcze\x{15B}niejsze"
            r"|powy\x{17C}sze)~~(?:instrukcje|polecenia|zasady)|\x{F6}nceki~~(?:talimatlar|komutlar"
            r"|y\x{F6}nergeler)\S*~~(?:yok~say|unut|g\x{F6}rmezden)"
        ),
        ("negeer vergeet zignoruj zapomnij pomi nceki",),
    ),
    Sign(
        "override",
        0.93,
        (
            r"(?:\x{438}\x{433}\x{43D}\x{43E}\x{440}\x{438}\x{440}\x{443}\S*"
            r"|\x{437}\x{430}\x{431}\x{443}\x{434}\x{44C}\S*"
            r"|\x{43D}\x{435} \x{441}\x{43B}\x{435}\x{434}\x{443}\S*)\s(?:\S+\s){0,3}(?:\x{43F}\x{440}\x{435}"
            r"\x{434}\x{44B}\x{434}\x{443}\x{449}\S*|\x{43F}\x{440}\x{435}\x{436}\x{43D}\S*|\x{432}\x{44B}"
            r"\x{448}\x{435}\S*)\s(?:\S+\s){0,2}(?:\x{438}\x{43D}\x{441}\x{442}\x{440}\x{443}\x{43A}\S*|\x{443}"
            r"\x{43A}\x{430}\x{437}\x{430}\x{43D}\S*|\x{43F}\x{440}\x{430}\x{432}\x{438}\x{43B}\S*|\x{43A}"
            r"\x{43E}\x{43C}\x{430}\x{43D}\x{434}\S*)"
        ),
        marks=SCRIPTS,
    ),
    Sign(
        "override",
        0.93,
        (
            r"(?:\x{5FFD}\x{7565}|\x{65E0}\x{89C6}|\x{5FD8}\x{8BB0}|\x{5FD8}\x{6389}"
            r"|\x{4E0D}\x{8981}\x{7406}\x{4F1A}|\x{7121}\x{8996}"
            r"|\x{5FD8}\x{8A18})\PL{0,2}.{0,8}?(?:\x{4E4B}\x{524D}|\x{4EE5}\x{4E0A}|\x{5148}\x{524D}"
            r"|\x{524D}\x{9762}|\x{4E0A}\x{9762}|\x{6240}\x{6709}).{0,6}?(?:\x{6307}\x{4EE4}|\x{6307}\x{793A}"
            r"|\x{63D0}\x{793A}|\x{89C4}\x{5219}|\x{547D}\x{4EE4}|\x{898F}\x{5247})"
        ),
        marks=SCRIPTS,
    ),
    Sign(
        "extraction",
        0.92,
        (
            r"(?:\x{663E}\x{793A}|\x{8F93}\x{51FA}|\x{544A}\x{8BC9}\x{6211}|\x{6CC4}\x{9732}|\x{91CD}\x{590D}"
            r"|\x{986F}\x{793A}).{0,8}?(?:\x{7CFB}\x{7EDF}\x{63D0}\x{793A}|\x{7CFB}\x{7D71}\x{63D0}\x{793A}"
            r"|\x{521D}\x{59CB}\x{6307}\x{4EE4}|\x{7CFB}\x{7EDF}\x{6307}\x{4EE4})"
        ),
        marks=SCRIPTS,
    ),
    Sign(
        "override",
        0.93,
        (
            r"(?:\x{4EE5}\x{524D}|\x{4E0A}\x{8A18}|\x{524D}|\x{3053}\x{308C}\x{307E}\x{3067}"
            r"|\x{4ECA}\x{307E}\x{3067}).{0,6}?(?:\x{6307}\x{793A}|\x{547D}\x{4EE4}|\x{30EB}\x{30FC}\x{30EB}"
            r"|\x{30D7}\x{30ED}\x{30F3}\x{30D7}\x{30C8}).{0,6}?(?:\x{7121}\x{8996}|\x{5FD8}\x{308C})"
            r"|(?:\x{C774}\x{C804}|\x{C704}|\x{C55E}).{0,6}?(?:\x{C9C0}\x{C2DC}|\x{BA85}\x{B839}"
            r"|\x{ADDC}\x{CE59}).{0,8}?(?:\x{BB34}\x{C2DC}|\x{C78A})"
        ),
        marks=SCRIPTS,
    ),
)
