"""What looks like something and is nothing: numbers, codes, hashes, program text, placeholders and talk about secrets."""

import pytest

from unit.guarding.unseen_kit import made, named

NUMBERED = {
    "version": "upgrade to v12.4.117 from 3.2.1-rc.4+build.8821",
    "browser": "Chrome/131.0.6778.204 Safari/537.36",
    "object id": "OID 1.3.6.1.4.1.31337.2.4.1",
    "package": "libssl3 3.0.15-1~deb12u1 amd64",
    "pins": "numpy==1.26.4\nscipy>=1.11,<2.0",
    "uuid": "request {H8}-{H4}-4{H3}-a{H3}-{H12} failed",
    "trace": "traceparent: 00-{H32}-{H16}-01",
    "document": 'ObjectId("{H24}")',
    "commit": "commit {H40}",
    "digest": "sha256:{H64}",
    "md5": "MD5 (a.iso) = {H32}",
    "diff": "index {H7}..{H7} 100644",
    "image": "alpine@sha256:{H64}",
    "lock file": '"integrity": "sha512-{B86}=="',
    "go sum": "golang.org/x/net v0.17.0 h1:{B43}=",
    "checksum": 'checksum = "{H64}"',
    "order": "order no. 48213377 shipped",
    "order with dashes": "Order #302-7715542-9938820",
    "invoice": "ORD-4471120938 and INV-2026-448112",
    "ticket": "PROJ-4821, INC0048213, RITM0048214",
    "french order": "commande n° 448213377",
    "german order": "Bestellnummer 448213377 vom 12.03.2026",
    "parcel": "tracking 1Z{C6}4482133771",
    "book": "ISBN 978-3-16-148410-0",
    "book in digits": "ISBN: 9783161484100",
    "journal": "ISSN 2049-363X",
    "article": "doi:10.1038/s41586-020-2649-2",
    "preprint": "arXiv:2310.06825v2",
    "study": "PMID: 33782455; PMCID: PMC8371605",
    "patent": "US patent 8,482,133 B2",
    "substance": "CAS 58-08-2",
    "weakness": "CVE-2024-31337 and GHSA-7m8q-x2vp-4c9w",
    "number plate": "plate B-XK 4821",
    "flight": "flight LH456 gate B22, seat 14F",
    "batch": "LOT 20260314 EXP 11/2028",
    "instant": "2026-11-22T10:14:03.448213Z",
    "german date": "am 22.11.2026 um 10:14 Uhr",
    "years": "1914-1918, 1939\u20131945, 2020-2026",
    "epoch": "ts=1732270443",
    "milliseconds": "createdAt: 1732270443123",
    "backup": "backup_20261122_101403.tar.gz",
    "duration": "took 4.482133s, 0:14:03.448",
    "schedule": "*/5 0-23 1,15 * 1-5 /usr/bin/backup",
    "price": "$448,213.37 or €448.213,37",
    "rupees": "₹ 12,48,213.37 / ¥448,213",
    "francs": "CHF 48'213.37",
    "decimal": "0.448213377182931 and 3.4821337718293144e-12",
    "large": "factorial is 448213377182931448213377182931",
    "rows": "448213377 rows affected",
    "place": "48.137154, 11.576124",
    "degrees": "48°08'14.12\"N 11°34'33\"W",
    "address": "4821 Main Street, Apt 12, Suite 300",
    "postcode": "SW1A 2AA London, 〒100-0001 東京都",
    "tennis": "won 6-4, 3-6, 7-6 (7-5)",
    "verse": "John 3:16-18; Ps 119:105; Sura 2:255",
    "chess": "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6",
    "position": "rnbqkbnr/pp1ppppp/8/2p5/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 1 2",
    "formula": "C6H12O6 + 6O2 -> 6CO2 + 6H2O",
    "smiles": "CC(=O)OC1=CC=CC=C1C(=O)O",
    "table": "| 2024 | 312 | 4821 | 17.3 |\n| 2025 | 288 | 5120 | 18.1 |",
    "pages": "pages 312-488, 1204-2113",
    "size": "1200 x 800 x 450 mm, 205/55 R16",
    "assembly": "  40a1b2:\t48 89 e5             \tmov    %rsp,%rbp",
    "law": "§ 312 Abs. 2 BGB, Az. 4 U 127/25, Case C-311/18, 410 U.S. 113 (1973)",
    "catalogue": "BWV 1007, Op. 27 No. 2, KV 525; HS code 8471.30.00; DIN 933 M8x40",
    "hours": "Mo-Fr 08:00-12:00 13:00-17:30, Sa 9-13",
    "lotto": "Lotto: 4 12 23 31 47",
    "ports": "80 443 8080 8443 5432 6379",
    "constants": "0xDEADBEEF 0x{H16} 0x{H8}u",
    "embedding": "[-0.048213377, 0.018293144, -0.077182931]",
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_and_codes_of_daily_life_are_left_alone(kind: str) -> None:
    for seed in range(3):
        assert named(made(NUMBERED[kind], seed)) == []


TECHNICAL = {
    "colours": "color: #{H6}; background: #{H8}; border: 1px solid #abc",
    "picture": '<img src="data:image/png;base64,iVBORw0KGgo{B300}">',
    "script": '!function(e,t){"object"==typeof exports?module.exports=t():e.Vue=t()}(this,function(){return 1})',
    "source map": '"mappings":"AAAA,SAASA,IAAMC,CACb,OAAO,EAAEC,IAAI,SAAUC"',
    "decorator": "@app.route('/users/<int:id>')\ndef f(x): return x @ y.T",
    "ask": "password = getpass.getpass('Password: ')",
    "environment": "api_key = os.environ['OPENAI_API_KEY']\nsecret = os.getenv('DB_PASSWORD', '')",
    "node": "const token = process.env.GITHUB_TOKEN;",
    "actions": "TOKEN: ${{ secrets.GITHUB_TOKEN }}",
    "chart": "password: {{ .Values.db.password | quote }}",
    "terraform": "password = var.db_password\napi_key = module.vault.api_key",
    "reference": "secretKeyRef:\n  name: db-credentials\n  key: password",
    "java": "\tat com.acme.billing.InvoiceService.charge(InvoiceService.java:142)",
    "python": 'File "/usr/lib/python3.11/adapters.py", line 412, in send',
    "crash": "segfault at 7f{H6} ip 00007f{H10} sp 00007f{H10} error 4",
    "access log": '"GET /static/app.{H8}.js HTTP/1.1" 200 48213 "-" "curl/8.5.0"',
    "bucket": "s3://acme-logs/2026/11/22/part-00412-{H8}-{H4}-4{H3}-9{H3}-{H12}.parquet",
    "instances": "i-0{H16} vpc-{H8} subnet-0{H16} ami-0{H16}",
    "video": "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=120s",
    "search": "https://shop.example.com/search?q=red+shoes&page=2&sort=price_asc",
    "query": "SELECT id, password_hash, token FROM users LIMIT 10",
    "table": "CREATE TABLE t (password VARCHAR(255) NOT NULL, token TEXT);",
    "types": "interface Creds { password: string; token?: string; apiKey: string | null }",
    "signature": "def login(user: str, password: str, token: str | None = None) -> None: ...",
    "words": '"password": "Passwort", "token": "Zeichen", "secret": "Geheimnis"',
    "calls": "password=hash_password(raw), token=generate_token(user_id)",
    "windows": "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft {4D36E972-E325-11CE-BFC1-08002BE10318}",
    "scope": "std::vector<std::pair<int,int>> a::b::c(dead::beef());",
    "times": "time 12:34:56 and 01:02:03.456; ratio 10:20:30",
    "public key": "-----BEGIN PUBLIC KEY-----\n{B64}\n{B64}\n-----END PUBLIC KEY-----",
    "certificate": "-----BEGIN CERTIFICATE-----\nMII{B61}\n{B64}\n-----END CERTIFICATE-----",
    "ssh": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{B43} laptop",
    "run": "chatcmpl-{A29} run_{A24} thread_{A24} msg_{A24} call_{A24}",
    "request": "x-request-id: req_{H32}",
    "cookie": "Cookie: theme=dark; lang=de; consent=true",
}


@pytest.mark.parametrize("kind", TECHNICAL)
def test_program_text_and_records_are_left_alone(kind: str) -> None:
    for seed in range(3):
        assert named(made(TECHNICAL[kind], seed)) == []


TALK = [
    'api_key = "YOUR_API_KEY"',
    "password: <password>\ntoken: <your-token-here>",
    "password=xxxxxxxx",
    "token: ********\nsecret: [REDACTED]",
    'PASSWORD=\npassword: null\nsecret: ""\ntoken: false',
    "export OPENAI_API_KEY=sk-...\nAuthorization: Bearer $TOKEN",
    "postgres://user:password@host:5432/db",
    "https://username:${PASSWORD}@example.com/",
    "set API_TOKEN=%TOKEN% ; pw={password}",
    "Your password must contain at least 8 characters.",
    "I forgot my password and the token expired; the secret is to stir slowly.",
    "Das Passwort ist abgelaufen. Bitte Passwort zurücksetzen.",
    "le mot de passe est obligatoire; la contraseña es incorrecta; la password è scaduta; senha inválida",
    "The password is wrong. The password is required. key is missing, secret is safe",
    "Password: required field\nToken: expired\nSecret: none",
    "max_tokens=4096, prompt_tokens: 1234, token_count=98765",
    "primary_key=True, sort_key = created_at, key=lambda x: x[1]",
    "GPIO pin 17, pin: 12, pinned to 3.11",
    "error code 500123, status code 404, zip code 10115, country code 49, area code 415",
    "Authorization: required; auth: basic; session: active",
    "SPDX-License-Identifier: Apache-2.0; license: MIT",
    "The key was found in 1922 at pin 14.",
    "Call of Duty 4; phone model A2890; iPhone 15 Pro 256 GB; mobile first in 2026; fax is dead",
    "invalid token; passwords do not match; 401 bad credentials",
    "第3条第2項、平成30年法律第71号。価格は12,800円です。",
    "Федеральный закон № 152-ФЗ от 27.07.2006, статья 9",
    "المادة 19 من القانون رقم 131 لسنة 1948",
    "धारा 302, वर्ष 2019 की अधिसूचना संख्या 4521",
    "제12조 제3항, 2026년 11월 22일, 총 1,234,567명",
    "loi n° 2004-575 du 21 juin 2004, article L. 121-20-3",
    "Real Decreto 463/2020, de 14 de marzo",
]


@pytest.mark.parametrize("text", TALK)
def test_placeholders_and_talk_about_secrets_are_left_alone(text: str) -> None:
    assert named(text) == []
