"""National identity numbers of some sixty countries, told by shape, check digits and the words before them.

A number whose shape or check digits leave little doubt is found anywhere; a bare run of digits that one number in ten would pass
needs a word before it that speaks of such a number, in the languages of its country or in English.

Rules: a rule sees digits and letters in upper case without separators; a US number of the usual shape with its hyphens is found
even where it could never have been issued, since it is meant to be one.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from turnout_sidecar.guarding import id_checks as check
from turnout_sidecar.guarding import id_checks_east as east
from turnout_sidecar.guarding.words import Words

ANY_ID_LATIN = (
    r"national (?:id|number|identi|insurance)|identity|identification|identifiant|identit|identidad"
    r"|\bid[ -]?(?:card|no|nr|num|code)"
    r"|tax(?:payer)?[ -]?(?:id|no|nr|num|file|ref)|social (?:security|insurance)|personal (?:id|num|code"
    r"|identity)|citizen|passport"
    r"|government id|insurance n|person(?:n?umm|nr|al-nr|nummer)|ausweis|documento|\bssn|\btin\b|\bnin\b"
    r"|national registration"
    r"|\bnational\b|numero de (?:id|cédula)|cédula|cedula|identifica|identifika|\bn\.i\.|fiscal (?:code"
    r"|num)|code fiscal"
    r"|identiteits|tunniste|kennitala|isikukood|asmens kodas|personas kods|osobn|mati(?:c|č)n|resident"
    r"|\bRG\b|\bCI\b|\bDPI\b|\bnik\b|\bktp\b|\bmy ?kad|my ?number|\bic no|\bnric|rodné|kimlik|nüfus|căn cước|\bcccd|\bcmnd"
)
ANY_ID_OTHER = (
    r"паспорт|идентиф|личн|особист|身份|身分|证件|證件|주민|등록번호|マイナンバー|個人番号|ταυτότ|αφμ|αμκα"
    r"|תעודת|ת.ז|هوية|الرقم القومي"
    r"|आधार|บัตรประชาชน|рнокпп|снилс|инн|жсн|иин|егн|лич|јмбг"
)
ANY_ID = Words(ANY_ID_LATIN, ANY_ID_OTHER)


class Identity(NamedTuple):
    """How the number of one country is told; `sure` needs no word before it, `weak` one of its own country."""

    rule: str
    check: Callable[[str], bool]
    words: tuple[str, ...]
    sure: bool = False
    weak: bool = False


_WEAK = {check.any_number, check.always, check.luhn_only, check.czech, east.thai, east.malaysian, east.indonesian}
_WEAK |= {
    check.danish,
    check.latvian,
    east.egyptian,
    check.ecuadorian,
    check.medicare,
    check.taj,
    check.greek_tax,
    east.korean,
}


def _rule(rule: str, checked: Callable[[str], bool], words: str, *, sure: bool = False) -> Identity:
    return Identity(f"id-{rule}", checked, tuple(words.split("|")), sure, checked in _WEAK)


SSN = _rule("us-ssn", check.us, "ssn|social|tax|itin", sure=True)
_SSN_BARE = _rule("us-ssn", check.us, "ssn|social|itin|soc sec|s.s.n")._replace(weak=True)
_SIN = _rule("ca-sin", check.sin, " sin|canad|assurance| nas")
_TFN = _rule("au-tfn", check.tfn, "tfn|tax|austral")
_MEDICARE = _rule("au-medicare", check.medicare, "medicare|austral")
_BSN = _rule("nl-bsn", check.bsn, "bsn|burgerservice|sofi|dutch|nederland|netherlands")
_NIF_PT = _rule("pt-nif", check.portuguese, "nif|contribuinte|fiscal|portug")
_IRD = _rule("nz-ird", check.ird, " ird|inland revenue|new zealand|tax")
_ISRAELI = _rule("il-id", east.israeli, "israel|teudat|tehudat|זהות|ת.ז")
_AFM = _rule("gr-afm", check.greek_tax, "αφμ|afm|greek|greece|ελλ")
_TAJ = _rule("hu-taj", check.taj, " taj|hungar|társadalom")
_NHS = _rule("gb-nhs", check.nhs, "nhs|patient|health")
_PESEL = _rule("pl-pesel", check.pesel, "pesel", sure=True)
_STEUER = _rule("de-steuer", check.steuer, "steuer|idnr|tax|tin", sure=True)
_CPF = _rule("br-cpf", check.cpf, "cpf|cadastro|brasil|brazil")
_CNPJ = _rule("br-cnpj", check.cnpj, "cnpj|cadastro")
_BELGIAN = _rule("be-nn", check.belgian, "rijksregister|nrn|registre national|insz|niss|national|belg")
_NORWEGIAN = _rule("no-fnr", check.norwegian, "fødsels|fodsels|fnr|d-nummer|norw|norge", sure=True)
_TURKISH = _rule("tr-tckn", east.turkish, "kimlik|tckn|t.c.| tc |turk|türk")
_BALTIC = _rule("ee-lt-code", check.baltic, "isikukood|asmens|eston|lithuan|lietuv|eesti")
_OIB = _rule("hr-oib", check.oib, "oib|hrvat|croat|osobni id")
_AMKA = _rule("gr-amka", check.amka, "amka|αμκα|greek|greece")
_CUIT = _rule("ar-cuit", check.cuit, "cuit|cuil|argent")
_NIN_NG = _rule("ng-nin", check.any_number, " nin |nin:|nigeria|nimc|bvn")
_SWEDISH = _rule("se-pnr", check.swedish, "personnummer|personbeteckning|pnr|samordning|swed|svensk")
_AADHAAR_ANY = _rule("in-aadhaar", east.aadhaar_any, "aadhar|aadhaar|uidai| uid |आधार")
_MY_NUMBER = _rule("jp-my-number", east.japanese, "my number|mynumber|マイナンバー|個人番号|japan|kojin bango")
_INN = _rule("ru-inn", east.inn, "инн| inn|налог")
_KAZAKH = _rule("kz-iin", east.kazakh, "иин|жсн| iin|kazakh")
_VIETNAMESE = _rule("vn-cccd", check.any_number, "cccd|căn cước|can cuoc|vietnam|cmnd")
_NIR = _rule("fr-nir", check.nir, " nir|insee|sociale|vitale|sécu|secu", sure=True)
_DNI = _rule("es-dni", check.dni, "dni|nif|nie", sure=True)
_HETU = _rule("fi-hetu", check.hetu, "hetu|henkil|finn|personbeteckning", sure=True)
_CHINESE = _rule("cn-ric", east.chinese, "身份证|resident", sure=True)
_AHV = _rule("ch-ahv", check.ahv, "ahv|avs", sure=True)
_KOREAN = _rule("kr-rrn", east.korean, "주민|rrn|resident", sure=True)
_DANISH = _rule("dk-cpr", check.danish, "cpr|personnummer|danish|dansk|denmark")
_ICELANDIC = _rule("is-kt", check.icelandic, "kennitala| kt.| kt:|iceland")
_CZECH = _rule("cz-rc", check.czech, "rodn|rč|r.č|czech|slovak|birth number")
_CZECH_OLD = _rule("cz-rc", check.always, "rodn|rč|r.č|birth number")
_BULGARIAN = _rule("bg-egn", check.bulgarian, "егн|egn|bulgar")
_AUSTRIAN = _rule(
    "at-svnr",
    check.austrian,
    "sozialvers|svnr|sv nummer|sv nr|sv-nummer|sv-nr|versicherungsn|austria|österreich|e-card",
)
_UKRAINIAN = _rule("ua-rnokpp", check.any_number, "рнокпп|ідентифікаційний|податк|іпн|ipn|rnokpp|ukrain")
_ECUADORIAN = _rule("ec-cedula", check.ecuadorian, "cédula|cedula|ecuador")
_COLOMBIAN = _rule("co-cc", check.any_number, "cédula|cedula|c.c.| cc |colomb|ciudadan")
_DNI_LATIN = _rule("ar-dni", check.any_number, " dni|d.n.i|documento|argent|perú|peru")
_CHILEAN = _rule("cl-rut", check.chilean, " rut| run|rol único|chile", sure=True)
_URUGUAYAN = _rule("uy-ci", check.uruguayan, "cédula|cedula| c.i| ci |uruguay")
_ROMANIAN = _rule("ro-cnp", check.romanian, "cnp|cod numeric|roman|român")
_YUGOSLAV = _rule("jmbg", check.yugoslav, "jmbg|emšo|emso|јмбг|embg|matičn|maticn|serbia|slovenia")
_SOUTH_AFRICAN = _rule("za-id", check.south_african, "south africa|rsa| id |id:|identity|sa id")
_THAI = _rule("th-id", east.thai, "thai|บัตรประชาชน|ประชาชน")
_EMIRATI = _rule("ae-eid", east.emirati, "emirates|uae", sure=True)
_LATVIAN = _rule("lv-pk", check.latvian, "personas kods|latvi|p.k.|personal code")
_NINO = _rule("gb-nino", check.british, "nino| ni |insurance|ni no|ni num", sure=True)
_PPS = _rule("ie-pps", check.irish, " pps|irish|ireland|rsi")
_HONG_KONG = _rule("hk-id", east.hong_kong, "hkid|hong kong|身份證|identity", sure=True)
_CURP = _rule("mx-curp", check.curp, "curp", sure=True)
_RFC = _rule("mx-rfc", check.rfc, " rfc|contribuyente", sure=True)
_PAN = _rule("in-pan", east.pan, " pan|income tax|permanent account", sure=True)


def sure(identity: Identity) -> Identity:
    """The same rule where the shape speaks for itself."""
    return identity._replace(sure=True)


# By shape: digits written 0, letters a. A separator of any other kind than these is no part of such a number.
BY_SHAPE: dict[str, tuple[Identity, ...]] = {
    "000-00-0000": (SSN,),
    "000 00 0000": (_SSN_BARE, _ISRAELI),
    "000.00.0000": (_SSN_BARE,),
    "000000000": (
        _CHILEAN._replace(sure=False),
        _SSN_BARE,
        _SIN,
        _BSN,
        _TFN,
        _NIF_PT,
        _IRD,
        _ISRAELI,
        _AFM,
        _TAJ,
        _rule("co-cc", check.any_number, "cédula|cedula"),
    ),
    "00000000": (
        _CHILEAN._replace(sure=False),
        _DNI_LATIN,
        _IRD,
        _rule("co-cc", check.any_number, "cédula|cedula|ciudadan"),
        _rule("hu-id", check.always, "személyi"),
    ),
    "0000000": (_rule("co-cc", check.any_number, "cédula|cedula"),),
    "00.000.000": (_DNI_LATIN, _rule("co-cc", check.any_number, "cédula|cedula|colomb")),
    "0.000.000.000": (_COLOMBIAN,),
    "00-000-000": (_IRD,),
    "000-000-000": (_SIN, _TFN, _IRD, _TAJ, _NIF_PT),
    "000 000 000": (_TFN, _SIN, _BSN, _NIF_PT, _IRD, _TAJ, _AFM),
    "000.000.000": (_BSN, _SIN),
    "00000000-0": (_CHILEAN, _ISRAELI),
    "0000000-0": (_CHILEAN, _URUGUAYAN),
    "0000.00.000": (_BSN,),
    "0000 00 000": (_BSN,),
    "000 000 0000": (_NHS, _UKRAINIAN),
    "000-000-0000": (_NHS,),
    "0000000000": (
        _NHS,
        _SWEDISH,
        _DANISH,
        _BULGARIAN,
        _CZECH,
        _AUSTRIAN,
        _MEDICARE,
        _ICELANDIC,
        _UKRAINIAN,
        _ECUADORIAN,
        _COLOMBIAN,
        _rule("sa-id", check.luhn_only, "saudi|iqama|هوية"),
    ),
    "0000 000000": (_AUSTRIAN, _rule("ru-passport", check.any_number, "паспорт|passport")),
    "0000 00 00 00": (_AUSTRIAN,),
    "0000-000000": (_AUSTRIAN,),
    "0000 00000 0": (sure(_MEDICARE),),
    "0000-00000-0": (_MEDICARE,),
    "00000000000": (
        _PESEL,
        _STEUER,
        _NORWEGIAN,
        _CPF,
        _BELGIAN,
        _TURKISH,
        _BALTIC,
        _OIB,
        _AMKA,
        _CUIT,
        _NIN_NG,
        _LATVIAN,
        _rule("ru-snils", east.snils, "снилс|snils"),
        _MEDICARE,
    ),
    "00 000 000 000": (_STEUER,),
    "000 000 000 00": (sure(_CPF), _TURKISH, _rule("ru-snils", east.snils, "снилс|snils")),
    "000-000-000 00": (_rule("ru-snils", east.snils, "снилс|snils", sure=True),),
    "000-000-000-00": (_CPF, _rule("ru-snils", east.snils, "снилс|snils")),
    "000000 00000": (_NORWEGIAN, _AMKA),
    "000000-00000": (_LATVIAN, _NORWEGIAN),
    "00.00.00-000.00": (sure(_BELGIAN),),
    "00.00.00-000-00": (sure(_BELGIAN),),
    "00.00.00.000.00": (_BELGIAN,),
    "000000-000-00": (_BELGIAN,),
    "000.000.000-00": (sure(_CPF),),
    "00-00000000-0": (sure(_CUIT),),
    "00.000.000/0000-00": (sure(_CNPJ),),
    "00000000000000": (_CNPJ, _rule("eg-id", east.egyptian, "egypt|القومي|national id")),
    "000000-0000": (sure(_SWEDISH), _DANISH, _ICELANDIC, _HETU._replace(sure=False)),
    "000000 0000": (_SWEDISH, _DANISH, _ICELANDIC, _CZECH),
    "000000+0000": (sure(_SWEDISH),),
    "00000000-0000": (sure(_SWEDISH),),
    "00000000 0000": (_SWEDISH,),
    "000000000000": (
        _AADHAAR_ANY,
        _SWEDISH,
        _MY_NUMBER,
        _INN,
        _KAZAKH,
        _VIETNAMESE,
        _rule("my-ic", east.malaysian, "mykad|nric|malays|kad pengenalan| ic "),
        _rule("fr-cni", check.any_number, "carte nationale|cni"),
    ),
    "000000/0000": (sure(_CZECH),),
    "000000/000": (_CZECH_OLD,),
    "0000 0000 0000": (_AADHAAR_ANY, _MY_NUMBER),
    "0000-0000-0000": (_AADHAAR_ANY, _MY_NUMBER),
    "000000-00-0000": (_rule("my-ic", east.malaysian, "mykad|nric", sure=True),),
    "0000000000000": (
        sure(_AHV),
        _ROMANIAN,
        _SOUTH_AFRICAN,
        _YUGOSLAV,
        _THAI,
        _rule("lu-matricule", check.any_number, "matricule|luxemb"),
        _rule("pk-cnic", check.any_number, "cnic|pakist|nadra"),
        _rule("kr-rrn", east.korean, "주민|rrn|resident reg"),
    ),
    "000000 0000 000": (_SOUTH_AFRICAN,),
    "000000 0000 00 0": (_SOUTH_AFRICAN,),
    "0 000000 000000": (_ROMANIAN,),
    "0 0000 00000 00 0": (sure(_THAI),),
    "0-0000-00000-00-0": (sure(_THAI),),
    "00000-0000000-0": (_rule("pk-cnic", check.any_number, "cnic|pakist|nadra", sure=True),),
    "000.0000.0000.00": (_AHV,),
    "000 0000 0000 00": (_AHV,),
    "000000-0000000": (_KOREAN,),
    "000000 0000000": (_KOREAN._replace(sure=False),),
    "000000000000000": (_NIR, _EMIRATI),
    "000-0000-0000000-0": (_EMIRATI,),
    "0 00 00 00 000 000 00": (_NIR,),
    "0 00 00 00 000 000": (_rule("fr-nir", check.always, "nir|insee|sociale"),),
    "0000000000000 00": (_NIR,),
    "0000000000000000": (_rule("id-nik", east.indonesian, " nik|ktp|indones"),),
    "000000000000000000": (_CHINESE,),
    "000000 00000000 0000": (_CHINESE,),
    "000000 00000000 000a": (_CHINESE,),
    "000000000-0": (_ECUADORIAN,),
    "00000000000000000a": (_CHINESE,),
    "00000000a": (_DNI, _CHILEAN._replace(sure=False)),
    "00000000-a": (_DNI, _CHILEAN),
    "00000000 a": (_DNI,),
    "00.000.000-a": (_DNI, _CHILEAN),
    "00.000.000 a": (_DNI,),
    "00.000.000-0": (_CHILEAN,),
    "0.000.000-0": (_CHILEAN, _URUGUAYAN),
    "0.000.000-a": (_CHILEAN,),
    "0000000-a": (_CHILEAN,),
    "a0000000a": (_DNI, _rule("sg-nric", east.singaporean, "nric|fin|singap", sure=True)),
    "a-0000000-a": (_DNI,),
    "a0000000-a": (_DNI,),
    "000000-000a": (_HETU,),
    "000000+000a": (_HETU,),
    "000000a000a": (_HETU,),
    "0000000a": (_PPS, _CHILEAN._replace(sure=False), _rule("mt-id", check.always, "malta|maltese")),
    "0000000aa": (sure(_PPS),),
    "aa000000a": (_NINO,),
    "aa 00 00 00 a": (_NINO,),
    "aa 000000 a": (_NINO,),
    "aa-00-00-00-a": (_NINO,),
    "aaaaaa00a00a000a": (
        _rule("it-cf", check.codice_fiscale, "fiscale|tax code|cod. fisc|cod fisc|c.f.|codice f", sure=True),
    ),
    "aaa aaa 00a00 a000a": (
        _rule("it-cf", check.codice_fiscale, "fiscale|tax code|cod. fisc|cod fisc|c.f.|codice f", sure=True),
    ),
    "aaaaa0000a": (_PAN,),
    "a000000000": (_rule("tw-id", east.taiwanese, "taiwan|身分證", sure=True),),
    "a000000(0)": (_HONG_KONG,),
    "a000000(a)": (_HONG_KONG,),
    "aa000000(0)": (_HONG_KONG,),
    "a0000000": (_HONG_KONG._replace(sure=False),),
    "a-00000000": (_rule("ve-ci", check.any_number, "cédula|cedula|venez| ci "),),
    "a-00.000.000": (_rule("ve-ci", check.any_number, "cédula|cedula|venez", sure=True),),
    "aaaa000000aaaaaa00": (_CURP,),
    "aaaa000000aaaaaaa0": (_CURP,),
    "aaaa000000000": (_RFC,),
    "aaaa000000aa0": (_RFC,),
    "aaaa000000a00": (_RFC,),
    "aaaa0000000a0": (_RFC,),
}
_OWN_WORDS = sorted({word for rules in BY_SHAPE.values() for rule in rules for word in rule.words})
# any word at all that could give a number the meaning of an id: where there is none, only numbers that need none are checked


def _is_latin(word: str) -> bool:
    """Whether all letters are Latin, accents and all."""
    return not any("\u0370" <= char < "\u1e00" or char >= "\u2c00" for char in word)


_LATIN_WORDS = [re.escape(word.strip()).replace("\\ ", " ") for word in _OWN_WORDS if _is_latin(word)]
_OTHER_WORDS = [word.strip() for word in _OWN_WORDS if not _is_latin(word)]
# any word at all that could give a number the meaning of an id: where there is none, only numbers that need none are checked
HINTS = Words("|".join([ANY_ID_LATIN, *_LATIN_WORDS]), "|".join([ANY_ID_OTHER, *_OTHER_WORDS]))
