"""Key formats of vendors: how a key begins, and what follows.

Vendors give their keys a prefix so that tools like this one can tell them. A rule is a name and a pattern; the prefix is its
literal beginning, by whose first two characters rules are looked up, so that a word costs one look-up however many rules there are.

Rules: patterns match from the start of a word and are bounded; lengths are given some room, since vendors change them.
"""

import re
from typing import NamedTuple

_RULES = r"""
aws-key-id (?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA)[A-Z2-7]{16}
anthropic sk-ant-[A-Za-z0-9_\-]{20,}
openai sk-(?:proj|svcacct|admin|None|service)-[A-Za-z0-9_\-]{20,}
openai sk-[A-Za-z0-9]{20,}
openrouter sk-or-v1-[0-9a-f]{32,}
langfuse [sp]k-lf-[0-9a-f\-]{36}
sk-any sk-[a-z0-9]{2,12}-[A-Za-z0-9_\-]{20,}
google-api AIza[0-9A-Za-z_\-]{33,36}
google-oauth GOCSPX-[A-Za-z0-9_\-]{20,}
google-token ya29\.[A-Za-z0-9_\-]{20,}
google-refresh 1//0[A-Za-z0-9_\-]{30,}
github gh[pousr]_[A-Za-z0-9]{30,255}
github-fine github_pat_[A-Za-z0-9_]{22,255}
gitlab gl(?:pat|ptt|rt|dt|cbt|ft|soat|imt|agent|oas|ffct)-[A-Za-z0-9_\-.]{20,}
gitlab-runner GR1348941[A-Za-z0-9_\-]{20,}
slack xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,}
slack-app xapp-\d-[A-Za-z0-9]{5,}-\d{5,}-[a-z0-9]{20,}
stripe [sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}
stripe-hook whsec_[A-Za-z0-9+/=]{20,}
twilio SK[0-9a-f]{32}
twilio-account AC[0-9a-f]{32}
sendgrid SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}
mailgun (?:key|pubkey)-[0-9a-f]{32}
sendinblue xkeysib-[0-9a-f]{32,}-[A-Za-z0-9]{16}
npm npm_[A-Za-z0-9]{36}
pypi pypi-[A-Za-z0-9_\-]{40,}
hugging-face hf_[A-Za-z0-9]{30,}
hugging-face-org api_org_[A-Za-z0-9]{30,}
databricks dapi[0-9a-f]{32}(?:-\d)?
digitalocean do[opr]_v1_[0-9a-f]{64}
doppler dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_\-]{2,35}\.)?[A-Za-z0-9]{40,44}
vault hv[sbr]\.[A-Za-z0-9_\-]{20,}
vault-old s\.[A-Za-z0-9]{24}
age AGE-SECRET-KEY-1[A-Z0-9]{58}
linear lin_(?:api|oauth)_[A-Za-z0-9]{32,}
shopify shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}
square sq0(?:atp|csp|idp)-[A-Za-z0-9_\-]{22,}
square EAAA[A-Za-z0-9_\-+=]{40,}
facebook EAA[A-Za-z0-9]{60,}
notion (?:secret|ntn)_[A-Za-z0-9]{32,}
airtable pat[A-Za-z0-9]{14}\.[0-9a-f]{64}
figma fig[dour]_[A-Za-z0-9_\-]{30,}
grafana gl(?:c|sa)_[A-Za-z0-9_+/=]{30,}
new-relic NR(?:AK|JS|II|RA|AL|SP)-[A-Za-z0-9]{19,}
postman PMAK-[0-9a-f]{24}-[0-9a-f]{34}
planetscale pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.=]{32,}
docker dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}
terraform [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,}
sentry sntry[su]_[A-Za-z0-9_+/=]{30,}
fly (?:fo1_|fm[12][ar]?_)[A-Za-z0-9_\-+/=]{30,}
supabase sb(?:p|_secret|_publishable)_[A-Za-z0-9_\-]{20,}
netlify nf[pco]_[A-Za-z0-9]{36,}
vercel vc[pkiar]_[A-Za-z0-9]{24,}
alibaba LTAI[A-Za-z0-9]{12,24}
tencent AKID[A-Za-z0-9]{32}
yandex (?:AQVN|YC)[A-Za-z0-9_\-]{35,}
groq gsk_[A-Za-z0-9]{40,}
perplexity pplx-[A-Za-z0-9]{32,}
xai xai-[A-Za-z0-9]{40,}
replicate r8_[A-Za-z0-9]{30,}
nvidia nvapi-[A-Za-z0-9_\-]{40,}
cerebras csk-[A-Za-z0-9]{30,}
fireworks fw_[A-Za-z0-9]{20,}
voyage pa-[A-Za-z0-9_\-]{40,}
jina jina_[A-Za-z0-9_\-]{40,}
tavily tvly-[A-Za-z0-9_\-]{20,}
firecrawl fc-[0-9a-f]{32}
pinecone pcsk_[A-Za-z0-9_]{40,}
e2b e2b_[0-9a-f]{32,}
langsmith ls(?:v2|__)_?(?:pt|sk)?_?[0-9a-f]{32,}(?:_[0-9a-f]{10})?
braintrust (?:bt-st|sk-bt)-[A-Za-z0-9]{30,}
tailscale tskey-[a-z]{3,8}-[A-Za-z0-9\-]{20,}
atlassian AT(?:ATT|CTT|BB)[A-Za-z0-9_\-=]{20,}
dynatrace dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}
easypost EZ[AT]K[A-Za-z0-9]{54,}
duffel duffel_(?:test|live)_[A-Za-z0-9_\-=]{40,}
frameio fio-u-[A-Za-z0-9_\-=]{60,}
infracost ico-[A-Za-z0-9]{32}
adafruit aio_[A-Za-z0-9]{28}
artifactory AKCp[A-Za-z0-9]{65,}
artifactory-ref cmVmd[A-Za-z0-9]{55,}
nuget oy2[a-z0-9]{43}
rubygems rubygems_[0-9a-f]{48}
crates cio[A-Za-z0-9]{32}
prefect pn[ub]_[A-Za-z0-9]{36}
pulumi pul-[0-9a-f]{40}
readme rdme_[a-z0-9]{60,}
scaleway SCW[A-Z0-9]{17}
shippo shippo_(?:live|test)_[0-9a-fA-F]{40}
typeform tfp_[A-Za-z0-9_\-.=]{40,}
contentful CFPAT-[A-Za-z0-9_\-]{40,}
launchdarkly (?:api|sdk|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
openshift sha256~[A-Za-z0-9_\-]{40,}
one-password (?:ops_ey[A-Za-z0-9_\-+/=]{60,}|A3-[A-Z0-9]{6}-[A-Z0-9\-]{26,36})
braintree access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}
amazon-mws amzn\.mws\.[0-9a-f\-]{36}
plaid access-(?:sandbox|development|production)-[0-9a-f\-]{36}
razorpay rzp_(?:live|test)_[A-Za-z0-9]{14,}
clojars CLOJARS_[a-z0-9]{60}
defined-net dnkey-[a-z0-9=_\-]{26}-[a-z0-9=_\-]{52}
flutterwave FLW(?:SEC|PUB)K(?:_TEST)?-[A-Za-z0-9\-]{12,}
buildkite bkua_[0-9a-f]{40}
circleci CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}
deno dd[pw]_[A-Za-z0-9]{36,}
harness (?:pat|sat)\.[A-Za-z0-9_\-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}
heroku HRKU-[A-Za-z0-9_\-]{36,}
lob (?:live|test)_(?:pub_)?[0-9a-f]{31,35}
rootly rootly_[0-9a-f]{64}
sourcegraph sg[pd]_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}
sonar sq[aup]_[0-9a-f]{40}
thunderstore tss_[A-Za-z0-9_\-]{40,}
settlemint sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}
intra42 s-s4t2(?:ud|af)-[0-9a-f]{64}
mapbox [sp]k\.ey[A-Za-z0-9_\-]{40,}\.[A-Za-z0-9_\-]{20,}
dropbox sl\.[A-Za-z0-9_\-=!]{100,}
discord [MNO][TDjzk][A-Za-z0-9_\-]{22,26}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,}
facebook-app \d{13,17}\|[A-Za-z0-9_\-]{27}
mailchimp [0-9a-f]{32}-us\d{1,2}
azure-ad [A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}
telegram \d{8,10}:AA[A-Za-z0-9_\-]{33}
aws-bedrock ABSK[A-Za-z0-9+/]{60,}={0,2}
aws-bedrock bedrock-api-key-[A-Za-z0-9+/=]{40,}
jwt ey[JK][A-Za-z0-9_\-]{10,}={0,2}\.ey[JK]?[A-Za-z0-9_\-]{10,}={0,2}\.[A-Za-z0-9_\-]{0,}
jwe ey[JK][A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{0,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}
"""
_LITERAL = 2
_ALTERNATIVES = re.compile(r"\(\?:([^()]*)\)|\[([a-zA-Z]+)\]|\\?([^\\\[(])")


class Vendor(NamedTuple):
    """One key format."""

    rule: str
    pattern: re.Pattern[str]


def _beginnings(pattern: str) -> set[str] | None:
    """The first two characters that a key of this format may have; none where that are too many to list."""
    begun = {""}
    at = 0
    while min(map(len, begun)) < _LITERAL:
        found = _ALTERNATIVES.match(pattern, at)
        if found is None or found[0] in {r"\d", "."}:
            return None
        at = found.end()
        choices = (found[1] or "").split("|") if found[1] else list(found[2] or found[3])
        begun = {(head + choice)[:_LITERAL] if len(head) < _LITERAL else head for head in begun for choice in choices}
    return begun if all("[" not in head and "\\" not in head for head in begun) else None


def _load() -> tuple[dict[str, tuple[Vendor, ...]], tuple[Vendor, ...]]:
    listed: dict[str, list[Vendor]] = {}
    others: list[Vendor] = []
    for line in _RULES.strip().splitlines():
        rule, _, pattern = line.partition(" ")
        vendor = Vendor(f"key-{rule}", re.compile(pattern + r"(?![A-Za-z0-9])"))
        heads = _beginnings(pattern)
        if heads is None:
            others.append(vendor)
        for head in heads or ():
            listed.setdefault(head, []).append(vendor)
    return {head: tuple(found) for head, found in listed.items()}, tuple(others)


BY_BEGINNING, WITHOUT_BEGINNING = _load()
