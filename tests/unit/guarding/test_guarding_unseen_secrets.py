"""Keys of many makers and passwords in many notations, all made up, in sentences that no rule was written for."""

import pytest

from unit.guarding.unseen_kit import made, named

SHAPES = {
    "aws key id": "AKIA{T16}",
    "aws temporary key id": "ASIA{T16}",
    "azure client secret": "{A3}8Q~{U31}",
    "google client secret": "GOCSPX-{U28}",
    "google access token": "ya29.a0Af{U180}",
    "github oauth": "gho_{A36}",
    "github server": "ghs_{A36}",
    "github user": "ghu_{A36}",
    "gitlab runner": "glrt-{U20}",
    "gitlab deploy": "gldt-{U20}",
    "gitlab trigger": "glptt-{H40}",
    "gitlab registration": "GR1348941{U20}",
    "bitbucket": "ATBB{A28}{C8}",
    "atlassian": "ATATT3xFfGF0{U170}={C8}",
    "slack app": "xapp-1-A{C10}-{D13}-{H64}",
    "slack user": "xoxp-{D12}-{D12}-{D13}-{H32}",
    "telegram": "{D10}:AA{U33}",
    "stripe restricted": "rk_live_{A99}",
    "stripe webhook": "whsec_{A32}",
    "square": "sq0csp-{U43}",
    "braintree": "access_token$production${L16}${H32}",
    "shopify shared": "shpss_{H32}",
    "mailgun": "key-{H32}",
    "mailchimp": "{H32}-us12",
    "twilio": "SK{H32}",
    "brevo": "xkeysib-{H64}-{A16}",
    "new relic": "NRAK-{C27}",
    "grafana service": "glsa_{A32}_{H8}",
    "sentry user": "sntryu_{H64}",
    "pulumi": "pul-{H40}",
    "terraform cloud": "{A14}.atlasv1.{U67}",
    "cloudflare origin": "v1.0-{H24}-{H146}",
    "netlify": "nfp_{A36}",
    "planetscale": "pscale_tkn_{U43}",
    "supabase": "sbp_{H40}",
    "neon": "napi_{L64}",
    "notion": "ntn_{D11}{A35}",
    "airtable": "pat{A14}.{H64}",
    "figma": "figd_{U40}",
    "linear oauth": "lin_oauth_{H64}",
    "postman": "PMAK-{H24}-{H34}",
    "typeform": "tfp_{U59}",
    "contentful": "CFPAT-{U43}",
    "groq": "gsk_{A52}",
    "replicate": "r8_{A37}",
    "perplexity": "pplx-{A48}",
    "xai": "xai-{A80}",
    "openrouter": "sk-or-v1-{H64}",
    "langsmith": "lsv2_pt_{H32}_{H10}",
    "pinecone": "pcsk_{A5}_{A60}",
    "nvidia": "nvapi-{U64}",
    "tavily": "tvly-dev-{A32}",
    "jina": "jina_{H32}{A28}",
    "docker": "dckr_pat_{U27}",
    "rubygems": "rubygems_{H48}",
    "crates": "cio{A32}",
    "jfrog": "AKCp{A69}",
    "sonar": "squ_{H40}",
    "circleci": "CCIPAT_{A22}_{H40}",
    "buildkite": "bkua_{H40}",
    "tailscale": "tskey-auth-k{A10}CNTRL-{A32}",
    "doppler service": "dp.st.prd.{A43}",
    "vault batch": "hvb.{U150}",
    "launchdarkly": "sdk-{H8}-{H4}-4{H3}-a{H3}-{H12}",
    "hubspot": "pat-na1-{H8}-{H4}-4{H3}-b{H3}-{H12}",
    "plaid": "access-production-{H8}-{H4}-4{H3}-8{H3}-{H12}",
    "adafruit": "aio_{A28}",
    "digitalocean oauth": "doo_v1_{H64}",
    "prefect": "pnu_{L36}",
    "duffel": "duffel_live_{U43}",
    "easypost": "EZAK{A54}",
    "shippo": "shippo_live_{H40}",
    "flutterwave": "FLWSECK-{L32}-X",
    "yandex": "AQVN{U36}",
    "alibaba": "LTAI5t{A18}",
    "dynatrace": "dt0c01.{C24}.{C64}",
    "harness": "pat.{A22}.{H24}.{A20}",
    "octopus": "API-{C26}",
    "openshift": "sha256~{U43}",
    "clojars": "CLOJARS_{L60}",
    "posthog": "phx_{A43}",
    "resend": "re_{A8}_{A24}",
    "riot": "RGAPI-{H8}-{H4}-4{H3}-9{H3}-{H12}",
    "infisical": "st.{H24}.{H32}.{H32}",
    "polar": "polar_oat_{A43}",
    "inngest": "signkey-prod-{H64}",
    "zuplo": "zpka_{H32}_{H8}",
}

SENTENCES = [
    "Please rotate {} today.",
    "why does {} return 401?",
    "Alter Wert: {} (bitte widerrufen)",
    "| prod | {} | active |",
]


@pytest.mark.parametrize("maker", SHAPES)
def test_a_key_is_found_whole_by_its_form_alone(maker: str) -> None:
    for seed, sentence in enumerate(SENTENCES):
        value = made(SHAPES[maker], seed)
        assert ("Secret", value) in named(sentence.format(value)), sentence


NOTATIONS = {
    "env": "export SMTP_PASS={}",
    "env in quotes": 'REDIS_PASSWORD="{}"',
    "dockerfile": "ENV DB_PASSWORD={}",
    "compose": "      - ADMIN_PASS={}",
    "yaml": "database:\n  user: app\n  password: {}\n",
    "toml": 'password = "{}"',
    "ini": "[mail]\nuser = bot\npassword = {}\n",
    "properties": "spring.datasource.password={}",
    "json": '{{"password": "{}"}}',
    "python": 'db_password = "{}"',
    "javascript": "const dbPassword = '{}';",
    "java": 'private static final String DB_PASSWORD = "{}";',
    "go": 'dbPassword := "{}"',
    "rust": 'let db_password = "{}".to_string();',
    "ruby hash": "  :db_password => '{}',",
    "powershell": '$env:DB_PASSWORD = "{}"',
    "batch": "set DB_PASSWORD={}",
    "option": "mysql -u root --password={} shop",
    "helm": "helm upgrade app ./c --set db.password={}",
    "role": "ALTER ROLE app WITH PASSWORD '{}';",
    "netrc": "machine api.example.net login bob password {}",
    "libpq": "host=db1 user=app password={} dbname=main",
    "form": "grant_type=password&username=bob&password={}&scope=all",
    "log": "level=info user=ann password={} took=12ms",
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_an_assigned_password_is_found_in_every_notation(notation: str) -> None:
    value = made("{A5}7k{A6}Q2", 1)
    assert ("Secret", value) in named(NOTATIONS[notation].format(value))


PROSE = [
    "Password: {}",
    "my password is {} and it does not work",
    "login with admin / password {}",
    "Das Passwort lautet {}.",
    "Mein Kennwort ist {}, bitte ändern",
    "le mot de passe est {}",
    "Mot de passe : {}",
    "La contraseña es {}",
    "a senha é {}",
    "La password è {}",
    "Het wachtwoord is {}",
    "Hasło: {}",
    "Lösenord: {}",
    "Adgangskode: {}",
    "Salasana: {}",
    "Jelszó: {}",
    "Heslo: {}",
    "Şifre: {}",
    "Пароль: {}",
    "Κωδικός: {}",
    "パスワード: {}",
    "密码是 {}",
    "passphrase: {}",
]


@pytest.mark.parametrize("sentence", PROSE)
def test_a_password_is_found_in_prose_of_many_languages(sentence: str) -> None:
    value = made("{A4}!9{A5}wX", 2)
    assert ("Secret", value) in named(sentence.format(value))


CARRIERS = {
    "mysql": "mysql://app:{}@db1.internal:3306/main",
    "mongodb": "mongodb+srv://root:{}@db2.example.net/main",
    "amqp": "amqp://svc:{}@mq.local:5672/",
    "redis": "redis://:{}@cache.internal:6379/0",
    "clone": "git clone https://bob:{}@git.example.net/team/app.git",
    "sql server": "Server=db1;User ID=sa;Password={};Encrypt=True",
    "odbc": "DRIVER=PG;SERVER=db1;UID=app;PWD={};",
    "jdbc": "jdbc:mysql://db1:3306/shop?user=app&password={}&useSSL=false",
    "query": "https://api.example.net/v1/items?access_token={}&page=2",
    "cookie": "Cookie: sessionid={}; theme=dark",
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_password_inside_of_an_address_is_found(carrier: str) -> None:
    value = made("{A24}", 3)
    text = CARRIERS[carrier].format(value)
    assert any(value in found for entity, found in named(text) if entity in ("Secret", "URLCredentials"))


BLOCKS = [
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
]


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_private_key_is_found_from_its_first_to_its_last_line(kind: str) -> None:
    block = made(f"-----BEGIN {kind}-----\n" + "{B64}\n" * 6 + "{B30}==\n" + f"-----END {kind}-----", 4)
    assert named(f"here is my key\n{block}\nplease check") == [("Secret", block)]
