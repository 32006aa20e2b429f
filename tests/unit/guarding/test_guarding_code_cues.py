"""The words that announce codes are told by how they begin before they are looked at: none of them may begin otherwise."""

import re

import pytest

from turnout_sidecar.guarding.codes import BEGINNINGS, CODES, cue_length

_WORDS = (
    "recovery code|backup keys|back-up code|rescue code|scratch codes|bypass code|2fa codes|mfa code|wiederherstellungscodes"
    "|ersatzcode|notfallschlüssel|code de secours|codes de récupération|código de verificación|codigo de seguridad"
    "|codici di recupero|codice otp|otp|one-time passcode|one time code|verification code|security code|login code|sign-in code"
    "|authentication code|confirmation code|bestätigungscode|einmalcode|sicherheitscode|verificatiecode|verifieringskod"
    "|kod weryfikacyjny|cvv2|cvc|card security code|pin|puk code|code pin|geheimzahl|seed phrase|recovery phrase|mnemonic"
    "|backup phrase|secret phrase|seed words|wallet seed|totp secret|authenticator setup key|two-factor seed|setup key|licence"
    "|license key|product key|activation key|serial key|registration key|windows key|lizenzschlüssel|aktivierungsschluessel"
    "|produktschlüssel|clé de licence|cle de produit|clave de producto"
)


@pytest.mark.parametrize("word", [*_WORDS.split("|"), ",password,", ';"api_key";', "| secret |", "\tmot de passe\t"])
def test_what_announces_a_code_is_told_by_how_it_begins(word: str) -> None:
    whole = re.match(CODES, word)
    assert whole
    assert cue_length(word) == whole.end()


def test_there_is_a_word_here_for_every_beginning() -> None:
    assert set(re.findall(r"(?:^|\|)(\w{3})", _WORDS)) == BEGINNINGS
