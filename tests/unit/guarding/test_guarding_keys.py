"""Keys of vendors and values that are given to names, by made-up examples, and what looks like them and is harmless."""

import base64

import pytest

from turnout_sidecar.guarding.scanner import scan

TAIL = "9fK2mQ7xLw4Rt8Zb1Nc6Vd3Hs5Jp0Gy7Tu2Ek4Wa6Xo8Cr1Bi3Fl5Mn7Dq9Sz"  # no one's
HEX = "3f9a1c5e7b2d4f6081a3c5e7f9b1d3f5a7c9e1b3d5f70819a2b4c6d8e0f1a3b5"
UP = "Q7RTW4N5K2MXB3DZ9LH6VFJ8CPYG1SEA"
UUID = "6f1d2c3b-4a59-4e68-9b77-8c9d0e1f2a3b"
# the beginning apart from the rest, so that no file holds what looks like a live key
KEYS = [
    ("ASIA", UP[:16]),
    ("ABSK", TAIL),
    ("sk-svcacct-", TAIL),
    ("sk-or-v1-", HEX),
    ("ya29.", TAIL),
    ("GOOG1E", UP),
    ("gho_", TAIL[:36]),
    ("ghs_", TAIL[:36]),
    ("ghr_", TAIL[:36]),
    ("gldt-", TAIL[:20]),
    ("glrt-", TAIL[:20]),
    ("xapp-1-A0B1C2D3E4-", "123456789012-" + HEX),
    ("xoxp-", "123456789012-" + HEX[:32]),
    ("rk", "_live_" + TAIL[:24]),
    ("whsec_", TAIL[:32]),
    ("AC", HEX[:32]),
    ("key-", HEX[:32]),
    ("xkeysib-", HEX + "-" + TAIL[:16]),
    ("mlsn.", HEX),
    ("re_", "AbC4dE6f_" + TAIL[:24]),
    ("rubygems_", HEX[:48]),
    ("oy2", HEX[:43]),
    ("dckr_pat_", TAIL[:27]),
    ("api_org_", TAIL[:34]),
    ("gsk_", TAIL[:52]),
    ("r8_", TAIL[:37]),
    ("xai-", TAIL),
    ("tgp_v1_", TAIL[:43]),
    ("pcsk_", TAIL[:60]),
    ("nvapi-", TAIL),
    ("lsv2_pt_", HEX[:32] + "_" + HEX[:10]),
    ("doo_v1_", HEX),
    ("dor_v1_", HEX),
    ("hcloud_", TAIL + TAIL[:8]),
    ("nfp_", TAIL[:36]),
    ("rnd_", TAIL[:26]),
    ("fo1_", TAIL[:43]),
    ("pscale_pw_", TAIL[:43]),
    ("sbp_", HEX[:40]),
    ("shpss_", HEX[:32]),
    ("sq0csp-", TAIL[:43]),
    ("EAAA", TAIL),
    ("access-production-", UUID),
    ("rzp", "_live_" + TAIL[:14]),
    ("ATATT3x", TAIL * 2),
    ("ntn_", TAIL[:46]),
    ("pat", TAIL[:14] + "." + HEX),
    ("figd_", TAIL[:40]),
    ("sl.", TAIL * 2),
    ("sntrys_", TAIL),
    ("glc_", TAIL),
    ("NRAK-", UP[:27]),
    ("hvb.", TAIL),
    ("dp.st.", TAIL[:43]),
    ("pul-", HEX[:40]),
    ("ops_ey", TAIL * 2),
    ("dt0c01.", UP[:24] + "." + UP + UP),
    ("squ_", HEX[:40]),
    ("tskey-auth-", TAIL[:17] + "-" + TAIL[:32]),
    ("sgp_", HEX[:40]),
    ("CFPAT-", TAIL[:43]),
    ("sdk-", UUID),
    ("bkua_", HEX[:40]),
    ("CCIPAT_", TAIL[:22] + "_" + HEX[:40]),
    ("pat-eu1-", UUID),
    ("LTAI", TAIL[:20]),
    ("AKLT", TAIL[:40]),
    ("mdb_sa_sk_", TAIL[:40]),
    ("ory_pat_", TAIL[:40]),
    ("SU", "Q7RTW4N5K2MXB3DZ" * 3 + "ABCDEF"),
    ("phx_", TAIL[:43]),
    ("syt_", "dXNlcg_" + TAIL[:20] + "_1a2B3c"),
    ("acme", "_live_" + TAIL[:32]),
    ("zqx-", TAIL[:32]),
    ("FLWSECK-", HEX[:32] + "-X"),
    ("v2.local.", TAIL),
    ("$2b$12$", TAIL[:53]),
]
MARKED = [
    "Ab38Q~" + TAIL[:34],
    "1234567890:AA" + TAIL[:33],
    HEX[:32] + "-us14",
    TAIL[:14] + ".atlasv1." + TAIL + TAIL[:8],
    HEX[:32] + "-" + HEX[:8] + "-" + HEX[8:16],
]
ASSIGNED = [
    ("MY_SERVICE_API_KEY={}", TAIL[:32]),
    ('  api_key: "{}"', HEX[:32]),
    ("config.secret = '{}';", UUID),
    ("My token is {}, do not share it.", TAIL[:24]),
    ('curl -H "X-API-Key: {}" https://x.example', HEX),
    ("Authorization: Bearer {}", TAIL[:16]),
    ("Authorization: Basic {}", base64.b64encode(b"bob:Zr8vK1pQ").decode()),
    ('{{"client_secret": "{}"}}', TAIL[:40]),
    ("Ich habe das Token {} bekommen", TAIL[:30]),
    ("AccountKey={};EndpointSuffix=core", TAIL + "7v=="),
    ("clé secrète : {}", TAIL[:40]),
    ("password={}", "hunter2x"),
    ("Passwort: {}", "Kx9!mond"),
    ("mot de passe : {}", "Rouge+77x"),
    ("la contraseña es {}", "Perro2024!"),
    ("senha: {}", "Sol#4411"),
    ("the wifi password is {}", "kiwi-7741-Lake"),
    ("--password {}", "Zr8vK1pQ!"),
    ("пароль: {}", "Vesna2024x"),
    ("密码是{}", "Qw77erty9"),
    ("パスワード\uff1a{}", "Sakura88x"),
    ("machine h.example login bob password {}", "Zr8vK1pQ"),
    ("redis://:{}@cache:6379/0", "p4ssW0rdX"),
    ("amqps://svc:{}@mq:5671", "Qz81kLm2"),
    ("mysql+pymysql://root:{}@db/x", "Qz81kLm2"),
    ("https://x.example/cb?access_token={}&x=1", TAIL[:24]),
    ("{} is the root password", "Zr8vK1pQ!x"),
    ("use {} as the password", "Zr8vK1pQ!x"),
    ("datadog {}", HEX[:32]),
    ("Set-Cookie: session_id={}; Path=/", TAIL[:32]),
    ("posts to {} daily", "https://hooks.slack.com/services/T01AB2CD3/B04EF5GH6/" + TAIL[:24]),
]
HARMLESS = [
    "max_tokens: 4096, prompt_tokens=128000",
    "password: required",
    '"password": "string"',
    "Password must be at least 12 characters",
    "api_key=os.environ['OPENAI_API_KEY']",
    "token = tokenizer.encode(text)",
    "client_secret: ${CLIENT_SECRET}",
    "key: api-key",
    "const token = await getToken(user);",
    "if (key === 'ArrowDown') {}",
    "primary key: user_account_id_2024",
    "password_hash_rounds=12",
    "cache_key=a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "hash=5d41402abc4b2a76b9719d911017c592",
    f"request id {HEX[:16]}",
    f"key: {UUID}",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "2Xk9pQvL4mN8rT6wYz1aBcDeFgH",
    "chatcmpl-9nYzVZ2Xy4fQm1kLr8aB3c",
    "msg_01XFDUDYJgAACzvnptvVoYEL",
    "arn:aws:iam::123456789012:role/Admin-Role-Prod",
    "projects/my-project-123456/locations/europe-west1",
    "gpt-4o-2024-08-06",
    "https://docs.example/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
    "main.3f2a1bc9.chunk.js",
    "user=leonardparkin req=2026-01-02",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "the key is to stay calm",
    "KeyError e9071590d292a283a2043d77faecbaa4ff21db0c",
    "image: repo/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "jwt.decode(token, algorithms=['HS256'])",
]


def secrets(text: str) -> list[str]:
    return [text[match.start : match.end] for match in scan(text) if match.entity in {"Secret", "URLCredentials"}]


@pytest.mark.parametrize(("beginning", "rest"), KEYS, ids=lambda value: value[:10])
def test_a_key_speaks_for_itself_in_a_sentence(beginning: str, rest: str) -> None:
    value = beginning + rest
    assert secrets(f"I pasted {value} into the chat") == [value]


@pytest.mark.parametrize("value", MARKED, ids=lambda value: value[:10])
def test_a_key_with_a_mark_in_its_middle_is_found_whole(value: str) -> None:
    assert secrets(f"see {value} there") == [value]


@pytest.mark.parametrize(("form", "value"), ASSIGNED)
def test_what_is_given_to_a_name_of_a_secret_is_found_whole(form: str, value: str) -> None:
    assert secrets(form.format(value)) == [value]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert secrets(text) == []


def test_a_very_long_token_is_found_to_its_end() -> None:
    value = TAIL * 12
    assert secrets(f"session_token={value} and more") == [value]
