"""Personal values in written forms, languages and sentences that no rule was written for; all made up."""

import pytest

from unit.guarding.unseen_kit import iban, luhn, named

PHONES = [
    "+49 711 5550123",
    "+4971155501230",
    "+33 6 12 34 56 78",
    "+33-6-12-34-56-78",
    "+34.912.345.678",
    "+39 06 5550 1234",
    "+31 (0) 20 555 0123",
    "+44 7400 123456",
    "+46\u00a08\u00a0123\u00a0456\u00a078",
    "+55 11 95555-0123",
    "+91 98765 43210",
    "+81 90-1234-5678",
    "+82 10-2000-1234",
    "+90 501 234 56 78",
    "+7 912 345-67-89",
    "+1 212-555-0147 ext. 204",
]
AFTER = ["is {} still yours?", "Best regards\nAnn\n{}", "ann;{};Berlin", "[{}] missed", "{} has not answered"]


@pytest.mark.parametrize("value", PHONES)
def test_a_number_with_its_country_needs_no_word(value: str) -> None:
    for sentence in AFTER:
        assert ("Phone", value) in named(sentence.format(value)), sentence


WORDS = [
    "Call me at {}",
    "Tel.: {}",
    "Téléphone portable : {}",
    "Teléfono: {}",
    "cellulare: {}",
    "celular {}",
    "Telefoonnummer: {}",
    "Nr. tel. {}",
    "Puhelin: {}",
    "Handy {}",
    "тел. {}",
    "电话\uff1a{}",
    "携帯 {}",
    '"phone": "{}"',
    "please text {} before noon",
    "<phone>{}</phone>",
]


@pytest.mark.parametrize("sentence", WORDS)
def test_a_national_number_is_found_beside_a_word_of_many_languages(sentence: str) -> None:
    for value in ("06 12 34 56 78", "0711 555123", "(212) 555-0188", "912 345 678"):
        assert ("Phone", value) in named(sentence.format(value)), value


ACCOUNTS = {
    "DE": "370400440532013000",
    "FR": "20041010050500013M02606",
    "ES": "21000418450200051332",
    "NL": "ABNA0417164300",
    "PL": "109010140000071219812874",
    "CH": "00762011623852957",
    "GB": "NWBK60161331926819",
    "SE": "50000000058398257466",
    "TR": "0006100519786457841326",
    "SA": "8000000608010167519X",
    "BR": "00360305000010009795493C1",
    "PT": "000201231234567890154",
    "NO": "86011117947",
    "RO": "AAAA1B31007593840000",
    "KZ": "125KZT5004100100",
    "UA": "3052990000026007233566001",
}
LETTERS = ["Bankverbindung: {}", "pay to {} please", '"iban":"{}"', "{};EUR;100", "numero di conto {}", "rekening {}"]


@pytest.mark.parametrize("country", ACCOUNTS)
def test_an_account_is_found_solid_and_in_blocks(country: str) -> None:
    solid = iban(country, ACCOUNTS[country])
    blocks = [solid[place : place + 4] for place in range(0, len(solid), 4)]
    for sentence in LETTERS:
        for value in (solid, " ".join(blocks), "-".join(blocks), "\u00a0".join(blocks), solid.lower()):
            assert ("IBAN", value) in named(sentence.format(value)), value


CARDS = {
    "visa": "4",
    "mastercard": "51",
    "mastercard of 2017": "2221",
    "discover": "6011",
    "jcb": "3528",
    "unionpay": "62",
}


@pytest.mark.parametrize("maker", CARDS)
def test_a_card_is_found_with_every_separator(maker: str) -> None:
    solid = luhn((CARDS[maker] + "93817264501829")[:15])
    for mark in ("", " ", "-", ".", "\u00a0", "\u2009"):
        value = mark.join(solid[place : place + 4] for place in range(0, 16, 4))
        for sentence in (
            "carte bancaire {}",
            '"pan":"{}"',
            "is {} blocked?",
            "Meine Karte {} geht nicht",
            "paid with {}.",
        ):
            assert ("CreditCard", value) in named(sentence.format(value)), value


def test_a_card_of_fifteen_digits_is_found_in_its_own_grouping() -> None:
    solid = luhn("34281649173852")
    for mark in ("", " ", "-", "\u00a0"):
        value = mark.join((solid[:4], solid[4:10], solid[10:]))
        assert named(f"charge {value} for 12 EUR") == [("CreditCard", value)]


MAILS = [
    "maria_lopez@corp.example.net",
    "o'neil@laposte.net",
    "max+shop@sub.domain.co.uk",
    "li.wei@xn--bcher-kva.example",
    "a@io.dev",
]
HEADERS = [
    "From: Ann Weber <{}>",
    "Reply-To: {}\nSubject: hi",
    "mailto:{}",
    "courriel : {}",
    "邮箱\uff1a{}",
    "メール\uff1a{}、",
    "?email={}&x=1",
    "{} wrote:",
    "<a href='mailto:{}'>x</a>",
    "/users/{}/orders",
    "contact {}.",
]


@pytest.mark.parametrize("sentence", HEADERS)
def test_a_mail_address_is_found_wherever_it_stands(sentence: str) -> None:
    for value in MAILS:
        assert ("Email", value) in named(sentence.format(value)), value


ADDRESSES = [
    "203.0.113.77",
    "2a02:8071:91c0::4d1f",
    "fe80::1ff:fe23:4567:890a",
    "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    "::ffff:203.0.113.9",
]


@pytest.mark.parametrize("value", ADDRESSES)
def test_an_internet_address_is_found_wherever_it_stands(value: str) -> None:
    for sentence in (
        "client {} connected",
        '"remote_addr":"{}"',
        "X-Forwarded-For: {}",
        "blocked {} for abuse",
        "adresse IP {}",
    ):
        assert ("IPAddress", value) in named(sentence.format(value)), sentence


@pytest.mark.parametrize("value", ["3c:22:fb:91:0a:7e", "3C-22-FB-91-0A-7E", "3c22.fb91.0a7e"])
def test_a_hardware_address_is_found_in_its_three_forms(value: str) -> None:
    assert named(f"dhcp lease for {value} (phone)") == [("MACAddress", value)]
