"""National ids by country: found behind the words that people use for them, and bare numbers beside other words left alone."""

import pytest

from turnout_sidecar.guarding.scanner import scan

NUMBERS = [
    ("us", "SSN", "663-92-3321"),
    ("itin", "ITIN", "946-78-8197"),
    ("ca", "SIN", "729-518-175"),
    ("ca2", "NAS", "246 997 365"),
    ("nhs", "NHS number", "015 715 0984"),
    ("nhs2", "NHS no", "6331724451"),
    ("de", "Steueridentifikationsnummer", "66 495 618 271"),
    ("de2", "IdNr", "34290571984"),
    ("fr", "numéro de sécurité sociale", "1 28 15 19 662 311 56"),
    ("fr2", "NIR", "289115999163436"),
    ("es", "DNI", "87915094D"),
    ("nie", "NIE", "X5560639K"),
    ("it", "codice fiscale", "RRPQEM49A91M285B"),
    ("nl", "BSN", "792601580"),
    ("nl2", "burgerservicenummer", "4870.45.142"),
    ("be", "rijksregisternummer", "84.01.11-465.06"),
    ("be2", "numéro national", "78091791978"),
    ("pt", "NIF", "216341442"),
    ("pt2", "número de contribuinte", "239 532 848"),
    ("pl", "PESEL", "75031432467"),
    ("se", "personnummer", "750316-2138"),
    ("se2", "pnr", "19570204-7753"),
    ("no", "fødselsnummer", "10028943143"),
    ("no2", "fnr", "070793 35147"),
    ("dk", "CPR-nummer", "200673-3798"),
    ("fi", "henkilötunnus", "270790-594E"),
    ("cz", "rodné číslo", "790108/8393"),
    ("sk", "rodné číslo", "740721/1625"),
    ("ro", "CNP", "1930412184309"),
    ("bg", "ЕГН", "5212075770"),
    ("hr", "OIB", "35608501779"),
    ("ch", "AHV-Nummer", "756.9629.7743.63"),
    ("at", "SVNR", "8197240361"),
    ("at2", "Sozialversicherungsnummer", "1256 240475"),
    ("ie", "PPS", "7648259VH"),
    ("ie2", "PPS number", "9422774R"),
    ("tr", "TC kimlik no", "16498406514"),
    ("br", "CPF", "992.275.245-09"),
    ("br2", "cadastro de pessoa", "13613794721"),
    ("cnpj", "CNPJ", "86.278.133/9191-51"),
    ("mx", "CURP", "WWCV941217HDFZAG45"),
    ("mxrfc", "RFC", "NCQR780221155"),
    ("cl", "RUT", "45.352.724-7"),
    ("cl2", "RUT", "95463739-5"),
    ("arcuit", "CUIT", "24-31859929-3"),
    ("ardni", "DNI", "52.810.375"),
    ("in", "Aadhaar", "7310 5017 8115"),
    ("pan", "PAN", "UIGPS9788N"),
    ("jp", "マイナンバー", "412972707658"),
    ("kr", "주민등록번호", "780122-1284014"),
    ("au", "TFN", "218 425 679"),
    ("aum", "tax file number", "547156403"),
    ("nz", "IRD number", "11-852-653"),
    ("nz2", "IRD", "052-391-598"),
    ("za", "South African ID", "5208179525054"),
    ("il", "תעודת זהות", "110522224"),
    ("ee", "isikukood", "37508114649"),
    ("lt", "asmens kodas", "35710253272"),
    ("lv", "personas kods", "110353-59050"),
    ("gr", "\u0391\u039c\u039a\u0391", "10128990735"),
    ("grafm", "\u0391\u03a6\u039c", "527812332"),
    ("si", "EMŠO", "1006691352716"),
    ("th", "Thai ID", "8-9945-92199-40-2"),
    ("my", "MyKad", "550822-16-7883"),
    ("ua", "РНОКПП", "3050057503"),
    ("ru", "ИНН", "181933229267"),
    ("pk", "CNIC", "31248-3048215-1"),
    ("id", "NIK", "3241740406804553"),
    ("ec", "cédula", "1743896183"),
]
ALONE = [
    "663-92-3321",
    "84.01.11-465.06",
    "992.275.245-09",
    "756.9629.7743.63",
    "RRPQEM49A91M285B",
    "X5560639K",
    "270790-594E",
    "86.278.133/9191-51",
    "WWCV941217HDFZAG45",
    "1 28 15 19 662 311 56",
]
DOCUMENTS = [
    ("passport no. C01X00T47", "C01X00T47"),
    ("Reisepass Nr. C4JGH2K19", "C4JGH2K19"),
    ("numéro de passeport: 18AB12345", None),
    ("Personalausweis: L22N0173C4", "L22N0173C4"),
    ("driver's license number is D1234567", "D1234567"),
    ("pasaporte: AAB123456", "AAB123456"),
    ("паспорт 4509 123456", "4509 123456"),
    ("护照号码\uff1aE12345678", "E12345678"),
]


def ids(text: str) -> list[str]:
    return [text[match.start : match.end] for match in scan(text) if match.entity == "NationalId"]


@pytest.mark.parametrize(("country", "word", "value"), NUMBERS)
def test_a_number_behind_its_word_is_found(country: str, word: str, value: str) -> None:
    assert country
    for text in (f"{word}: {value}", f"My {word} is {value}, thanks.", f'{{"{word.lower()}": "{value}"}}'):
        assert ids(text) == [value], text


@pytest.mark.parametrize("value", ALONE)
def test_a_number_whose_shape_and_check_digits_leave_no_doubt_needs_no_word(value: str) -> None:
    assert ids(f"it says {value} here") == [value]


@pytest.mark.parametrize(("country", "word", "value"), NUMBERS)
def test_a_number_of_plain_digits_is_none_behind_the_word_of_another_thing(country: str, word: str, value: str) -> None:
    assert country
    assert word
    if value.isdecimal():
        assert ids(f"Ticket {value} was closed") in ([], [value] if country in {"de2", "pl", "no", "za", "fr2"} else [])
        assert ids(f"order number {value}") in ([], [value] if country in {"de2", "pl", "no", "za", "fr2"} else [])


@pytest.mark.parametrize(("text", "value"), [pair for pair in DOCUMENTS if pair[1]])
def test_the_number_of_a_document_is_found_behind_its_name(text: str, value: str) -> None:
    assert ids(text + ".") == [value]


@pytest.mark.parametrize(
    "text",
    ["the passport office opens at 09:00", "passport photos, 35 mm", "KeyError 9783808916535 in the identity matrix"],
)
def test_the_name_of_a_document_without_a_number_is_nothing(text: str) -> None:
    assert ids(text) == []


@pytest.mark.parametrize("value", ["663-92-3321", "7310 5017 8115", "44051401358"])
def test_a_wrong_check_digit_is_no_id_unless_the_shape_is_enough(value: str) -> None:
    wrong = value[:-1] + str((int(value[-1]) + 1) % 10)
    assert ids(f"value {wrong} here") in ([wrong], [])
