"""The table of key formats: one line each, a name and a pattern that begins with the prefix of the vendor.

MARKED holds formats whose literal mark is elsewhere: the mark, how many characters stand before it, how long a word with such a key
is at least, a name and a pattern. Where more than letters and digits can stand before the mark, the length is that from the mark
on: a word is what another key left of it.

Rules: RULES begin with a literal of two characters or more (alternatives in (?:...) or [...] are fine); repetitions are bounded
below; what follows a key is no letter or digit, which the loader sees to.
"""

RULES = r"""
aws-key-id (?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA|APKA|ASCA)(?!XXXX)[A-Z0-9]{16}
aws-bedrock ABSK[A-Za-z0-9+/]{60,}={0,2}
aws-bedrock bedrock-api-key-[A-Za-z0-9+/=]{40,}
anthropic sk-ant-[A-Za-z0-9_\-]{20,}
openai sk-(?:proj|svcacct|admin|None|service)-[A-Za-z0-9_\-]{20,}
openai sk-[A-Za-z0-9]{20,}
openai sess-[A-Za-z0-9]{40}
openrouter sk-or-v1-[0-9a-f]{32,}
langfuse (?:sk|pk)-lf-[0-9a-f\-]{36}
sk-any sk-[a-z0-9]{2,12}-[A-Za-z0-9_\-]{20,}
sk-any (?:sk|rk)_[A-Za-z0-9]{24,}
sk-any sk_[a-z]{2,12}_[A-Za-z0-9_\-]{20,}
google-api AIza[0-9A-Za-z_\-]{30,40}
google-oauth GOCSPX-[A-Za-z0-9_\-]{20,}
google-token ya29\.[A-Za-z0-9_\-.]{20,}
google-refresh 1//0[A-Za-z0-9_\-]{30,}
google-hmac GOOG[A-Z0-9]{20,60}
google-ai AQ\.[A-Za-z0-9_\-]{40,}
firebase-fcm AAAA[A-Za-z0-9_\-]{7}:[A-Za-z0-9_\-]{100,}
recaptcha 6L[0-9A-Za-z_\-]{38}
github (?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,255}
github-app v1\.[0-9a-f]{40}
github-fine github_pat_[A-Za-z0-9_]{22,255}
gitlab gl(?:pat|ptt|rt|rtr|dt|cbt|ft|soat|imt|agent|oas|ffct|wt)-[A-Za-z0-9_\-.]{20,}
gitlab-session _gitlab_session=[0-9a-z]{32}
gitlab-runner GR1348941[A-Za-z0-9_\-]{20,}
bitbucket BBDC-[A-Za-z0-9+/@_\-]{40,50}
gitea gta_[A-Za-z0-9]{40}
slack xox(?:a|b|e|o|p|r|s|c|d)(?:\.xox[bp])?-[A-Za-z0-9%\-]{10,}
slack-app xapp-\d-[A-Za-z0-9]{5,}-\d{5,}-[a-z0-9]{20,}
stripe (?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}
stripe-hook whsec_[A-Za-z0-9+/=]{20,}
stripe-ephemeral ek_(?:live|test)_[A-Za-z0-9]{10,}
twilio SK[0-9a-f]{32}
twilio-account AC[0-9a-f]{32}
sendgrid SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}
mailgun (?:key|pubkey)-[0-9a-f]{32}
mailersend mlsn\.[0-9a-f]{60,}
resend re_[A-Za-z0-9]{6,12}_[A-Za-z0-9]{20,32}
sendinblue xkeysib-[0-9a-f]{32,}-[A-Za-z0-9]{16}
sendinblue-smtp xsmtpsib-[0-9a-f]{32,}-[A-Za-z0-9]{16}
postmark (?:PMAK|PMAT)-[0-9A-Za-z]{24,}(?:-[0-9a-f]{34})?
messagebird live_[A-Za-z0-9]{25}
npm npm_[A-Za-z0-9]{36}
pypi pypi-[A-Za-z0-9_\-]{40,}
hugging-face hf_[A-Za-z0-9]{30,}
hugging-face-org api_org_[A-Za-z0-9]{30,}
databricks (?:dapi|dkea|dose)[0-9a-f]{32}(?:-\d)?
snowflake (?:sf_|SNOWPAT_)[A-Za-z0-9_\-]{30,}
digitalocean do[oprs]_v1_[0-9a-f]{64}
doppler dp\.(?:pt|st|ct|sa|scim|audit|said)\.(?:[a-z0-9_\-]{2,35}\.)?[A-Za-z0-9]{40,44}
vault hv[sbr]\.[A-Za-z0-9_\-]{20,}
vault-old s\.[A-Za-z0-9]{24}
infisical st\.[0-9a-z]{8,}\.[0-9a-z]{16,}\.[0-9a-z]{16,}
age AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}
linear lin_(?:api|oauth|wh)_[A-Za-z0-9]{30,}
shopify shp(?:at|ca|pa|ss|tka|ut|ua|rt)_[0-9a-zA-Z]{32,}
square sq0(?:atp|csp|idp|cap)-[A-Za-z0-9_\-]{22,}
square EAAA[A-Za-z0-9_\-+=]{40,}
facebook EAA[A-Za-z0-9]{60,}
instagram IG(?:QVJ|QWR|AAJ|AAU|AAI)[A-Za-z0-9_\-]{60,}
notion (?:secret|ntn)_[A-Za-z0-9]{32,}
airtable (?:pat|oaa)[A-Za-z0-9]{14}\.[0-9a-f]{64}(?:\.[0-9a-z.]{20,})?
figma fig(?:d|o|u|r|h|oh|or|ur)_[A-Za-z0-9_\-]{30,}
grafana gl(?:c|sa)_[A-Za-z0-9_+/=]{30,}
grafana-key eyJrIjoi[A-Za-z0-9+/=_\-]{40,}
new-relic NR(?:AK|JS|II|RA|AL|SP|BR|IQ)-[A-Za-z0-9]{19,}
planetscale pscale_(?:tkn|pw|oauth|otkn|api)_[A-Za-z0-9_\-.=]{32,}
docker dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}
docker-swarm (?:SWMTKN|SWMKEY)-1-[A-Za-z0-9+/\-]{40,}
sentry sntry(?:s|u|a|i)_[A-Za-z0-9_+/=]{30,}
fly (?:fo1_|fm1_|fm2_|fm1r_|fm1a_)[A-Za-z0-9_\-+/=,]{30,}
supabase sb(?:p|_secret|_publishable)_[A-Za-z0-9_\-]{20,}
neon (?:napi|neon)_[A-Za-z0-9]{30,}
turso tsk_[A-Za-z0-9_\-]{30,}
upstash upst_[A-Za-z0-9]{30,}
netlify nf[pcobu]_[A-Za-z0-9]{36,}
vercel vc[pkiar]_[A-Za-z0-9]{24,}
vercel-blob vercel_(?:blob_rw|api|token)_[A-Za-z0-9_]{24,}
render rnd_[A-Za-z0-9]{26,}
railway railway_[A-Za-z0-9\-]{30,}
northflank nf-[A-Za-z0-9_\-]{60,}
alibaba LTAI[A-Za-z0-9]{12,24}
tencent AKID[A-Za-z0-9]{32}
volcengine AKLT[A-Za-z0-9]{30,}
ibm-cloud (?:bx:|ApiKey-)[0-9a-f\-]{36}
yandex (?:AQVN|YC|AJE)[A-Za-z0-9_\-]{35,}
yandex-iam t1\.[A-Z0-9a-z_\-]{20,}[=]{0,2}\.[A-Z0-9a-z_\-]{60,}
yandex-oauth (?:y0|y1|y2|y3)_[A-Za-z0-9_\-]{50,}
groq gsk_[A-Za-z0-9]{40,}
perplexity pplx-[A-Za-z0-9]{32,}
xai xai-[A-Za-z0-9]{40,}
replicate r8_[A-Za-z0-9]{30,}
nvidia nvapi-[A-Za-z0-9_\-]{40,}
cerebras csk-[A-Za-z0-9]{30,}
fireworks fw_[A-Za-z0-9]{20,}
fireworks fpk_[A-Za-z0-9]{20,}
together tgp_v1_[A-Za-z0-9_\-]{30,}
cohere co_[A-Za-z0-9]{36,}
voyage pa-[A-Za-z0-9_\-]{40,}
jina jina_[A-Za-z0-9_\-]{40,}
tavily tvly-[A-Za-z0-9_\-]{20,}
firecrawl fc-[0-9a-f]{32}
pinecone (?:pcsk|pckey)_[A-Za-z0-9_]{40,}
pinecone pclocal-[A-Za-z0-9\-]{20,}
e2b e2b_[0-9a-f]{32,}
langsmith ls(?:v2|__)_?(?:pt|sk)?_?[0-9a-f]{32,}(?:_[0-9a-f]{10})?
braintrust (?:bt-st|sk-bt)-[A-Za-z0-9]{30,}
helicone (?:sk|pk)-helicone-[a-z0-9\-]{20,}
portkey (?:pk|sk)-portkey-[A-Za-z0-9\-]{20,}
wandb wandb_v1_[A-Za-z0-9_]{40,}
elevenlabs sk_[0-9a-f]{48}
tailscale tskey-[a-z]{3,9}-[A-Za-z0-9\-]{20,}
zerotier ztcentral_[A-Za-z0-9]{32}
atlassian AT(?:ATT|CTT|BB|OA|SC|WT)[A-Za-z0-9_\-=]{20,}
dynatrace dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}
easypost EZ[AT]K[A-Za-z0-9]{54,}
duffel duffel_(?:test|live)_[A-Za-z0-9_\-=]{40,}
frameio fio-u-[A-Za-z0-9_\-=]{60,}
infracost ico-[A-Za-z0-9]{32}
adafruit aio_[A-Za-z0-9]{28}
artifactory AKCp[A-Za-z0-9]{65,}
artifactory-ref cmVmd[A-Za-z0-9]{55,}
nuget oy2[a-z0-9]{43}
rubygems rubygems_[0-9a-f]{40,}
crates cio[A-Za-z0-9]{32}
hackage hackage_[A-Za-z0-9]{30,}
prefect pn[ub]_[A-Za-z0-9]{36}
pulumi pul-[0-9a-f]{40}
readme rdme_[a-z0-9]{60,}
scaleway SCW[A-Z0-9]{17}
shippo shippo_(?:live|test)_[0-9a-fA-F]{40}
typeform tfp_[A-Za-z0-9_\-.=]{40,}
contentful CFPAT-[A-Za-z0-9_\-]{40,}
launchdarkly (?:api|sdk|mob)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
openshift sha256~[A-Za-z0-9_\-]{40,}
one-password ops_ey[A-Za-z0-9_\-+/=]{60,}
one-password A3-[A-Z0-9]{6}-[A-Z0-9\-]{26,36}
braintree access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}
braintree (?:production|sandbox)_[0-9a-z]{8}_[0-9a-z]{16}
adyen AQE[a-z][A-Za-z0-9+/=]{40,}-[A-Za-z0-9+/=]{30,}-[!-~]{10,24}
adyen AQE[a-z][A-Za-z0-9+/]{60,}={0,2}
amazon-mws amzn\.mws\.[0-9a-f\-]{36}
amazon-oauth amzn1\.oa2-cs\.v1\.[0-9a-f]{64}
amazon-sp Atz[ar]\|[A-Za-z0-9_\-]{40,}
plaid access-(?:sandbox|development|production)-[0-9a-f\-]{36}
plaid link-(?:sandbox|development|production)-[0-9a-f\-]{36}
razorpay rzp_(?:live|test)_[A-Za-z0-9]{14,}
mollie (?:live|test|access)_[A-Za-z0-9]{30,}
gocardless (?:live|sandbox)_[A-Za-z0-9_\-=]{40}
checkout sk_(?:sbox_)?[a-z0-9]{26,32}[a-z0-9*#$=]?
coinbase CB-ACCESS-[A-Z]{3,12}:[A-Za-z0-9+/=]{20,}
wise-api wise_(?:live|test)_[A-Za-z0-9\-]{20,}
paddle pdl_(?:live|sdbx|ntfset|sbox)_[A-Za-z0-9_]{20,}
lemon-squeezy lmsq_[A-Za-z0-9]{30,}
revenuecat (?:atk|goog|appl|strp)_[A-Za-z0-9]{24,}
clojars CLOJARS_[a-z0-9]{50,}
defined-net dnkey-[a-z0-9=_\-]{26}-[a-z0-9=_\-]{52}
flutterwave FLW(?:SEC|PUB)K(?:_TEST)?-[A-Za-z0-9\-]{12,}
buildkite (?:bkua|bkct|bkrt)_[0-9a-zA-Z]{40}
circleci (?:CCIPAT|CCIPRJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}
codecov codecov_[A-Za-z0-9\-]{30,}
drone drone_[A-Za-z0-9]{30,}
deno dd[pwo]_[A-Za-z0-9]{36,}
harness (?:pat|sat)\.[A-Za-z0-9_\-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}
heroku HRKU-[A-Za-z0-9_\-]{36,}
lob (?:live|test)_(?:pub_)?[0-9a-f]{31,35}
rootly rootly_[0-9a-f]{64}
pagerduty (?:pdus\+|u\+)[A-Za-z0-9_\-]{17,}
opsgenie opsgenie_[A-Za-z0-9\-]{30,}
datadog (?:ddapp|ddapi|pub)_[A-Za-z0-9]{32,}
honeycomb hc[abcdghi](?:ik|lk|mk|xk)_[A-Za-z0-9]{40,}
axiom (?:xaat|xapt)-[0-9a-f\-]{36}
betterstack bs_[A-Za-z0-9]{24,}
logfire pylf_v1_[a-z]{2}_[A-Za-z0-9]{40,}
posthog (?:phc|phx|phs|pha)_[A-Za-z0-9]{40,}
mixpanel mp_[A-Za-z0-9]{32,}
segment sgp_[A-Za-z0-9]{60,}
rudderstack rsk_[A-Za-z0-9]{30,}
statsig (?:secret|client|console)-[A-Za-z0-9]{40,}
sourcegraph sg[pd]_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}
sonar sq[aup]_[0-9a-f]{40}
snyk snyk_(?:uat|sat)\.[0-9a-f]{8}\.[A-Za-z0-9_\-.]{20,}
semgrep semgrep_[A-Za-z0-9]{40,}
thunderstore tss_[A-Za-z0-9_\-]{40,}
settlemint sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}
intra42 s-s4t2(?:ud|af)-[0-9a-f]{64}
mapbox (?:sk|pk|tk)\.ey[A-Za-z0-9_\-]{40,}\.[A-Za-z0-9_\-]{20,}
dropbox sl\.(?:u\.)?[A-Za-z0-9_\-=!]{60,}
box boxjwt_[A-Za-z0-9]{32,}
clickup pk_\d{5,12}_[A-Z0-9]{32}
trello ATTA[A-Za-z0-9]{60,}
intercom dG9rO[A-Za-z0-9+/=]{40,}
zendesk zd_[A-Za-z0-9]{36,}
hubspot pat-(?:na1|na2|eu1|ap1|au1)-[0-9a-f\-]{36}
salesforce 00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{80,}
salesforce 3MVG9[A-Za-z0-9_.]{70,}
workos (?:sk|client)_(?:live|test)?_?[A-Za-z0-9]{50,}
clerk (?:sk|pk)_(?:live|test)_[A-Za-z0-9$]{30,}
stytch secret-(?:live|test)-[A-Za-z0-9_\-=]{30,}
descope K2[A-Za-z0-9]{60,}
frontegg fe_[A-Za-z0-9\-]{36,}
ngrok ngrok_[A-Za-z0-9_]{40,}
cloudflare-ca v1\.0-[0-9a-f]{24}-[0-9a-f]{146}
cloudflare (?:cfat|cfut|cfk)_[A-Za-z0-9_\-]{30,}
fastly fastly_[A-Za-z0-9_\-]{30,}
bunny bunny_[A-Za-z0-9\-]{36,}
linode lin-[A-Za-z0-9]{60,}
hetzner hcloud_[A-Za-z0-9]{60,}
exoscale EXO[0-9a-f]{24,}
vultr vultr_[A-Za-z0-9]{36,}
ovh ovh_[A-Za-z0-9]{30,}
mongodb-atlas mdb_sa_(?:sk|id)_[A-Za-z0-9_\-]{20,}
confluent cflt[A-Za-z0-9+/]{50,}
clickhouse-cloud 4b1d[A-Za-z0-9]{38}
clarifai clf_[A-Za-z0-9]{30,}
discord (?:MT|Mz|Mj|NT|Nj|Nz|OD|OT|OA|OQ|MD|ND|Mk)[A-Za-z0-9_\-]{21,28}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,}
matrix syt_[A-Za-z0-9+/=]{2,}_[A-Za-z0-9]{18,22}_[A-Za-z0-9]{6}
line-notify line_[A-Za-z0-9]{40,}
zoom zoom_[A-Za-z0-9]{30,}
vonage vng_[A-Za-z0-9]{30,}
ory ory_(?:pat|at|rt|ac|apikey)_[A-Za-z0-9_\-.]{20,}
bitcoin-key 5[HJK][1-9A-HJ-NP-Za-km-z]{49}
bitcoin-key (?:Kw|Kx|Ky|Kz|L1|L2|L3|L4|L5)[1-9A-HJ-NP-Za-km-z]{50}
bip32 (?:xprv|yprv|zprv)[1-9A-HJ-NP-Za-km-z]{100,112}
kubernetes k8s-aws-v1\.[A-Za-z0-9_\-]{60,}
kubeadm-key K10[0-9a-f]{64}::[A-Za-z0-9:_\-]{16,}
rancher token-[a-z0-9]{5}:[a-z0-9]{50,}
argo argocd\.token=[A-Za-z0-9_\-.]{40,}
nats (?:SU|SA|SO|SC|SX|SN)[A-Z2-7]{54,56}
ssh-putty PuTTY-User-Key-File-[23]:[^\x00]{40,4000}Private-MAC: [0-9a-f]{40,64}
ssh-putty PuTTY-User-Key-File-[23]:[^\x00]{1,2000}?Private-Lines: ?\d{1,4}(?:\r?\n[A-Za-z0-9+/=]{4,80}(?!\S)){1,400}
password-hash \$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}
password-hash \$(?:5|6|y|1)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9$]{2,40}\$[./A-Za-z0-9]{22,}
password-hash \$argon2(?:id|i|d)\$v=\d+\$m=[0-9]{1,9},t=\d{1,4},p=\d{1,4}\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}
jwt ey[JK][A-Za-z0-9_\-]{10,}={0,2}\.ey[JK]?[A-Za-z0-9_\-]{10,}={0,2}\.[A-Za-z0-9_\-]{0,}
jwt-line ey[JK][A-Za-z0-9_\-.]{17,}+(?=[ \t]{0,4}\r?\n)
jwe ey[JK][A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{0,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}
paseto (?:v1|v2|v3|v4)\.(?:local|public)\.[A-Za-z0-9_\-]{40,}(?:\.[A-Za-z0-9_\-]+)?
asana (?:1|2)/\d{10,20}(?:/\d{10,20})?:[0-9a-f]{32}
riot RGAPI-[0-9a-f\-]{36}
zuplo zpka_[0-9a-f]{32}_[0-9a-f]{8}
neon-key npg_[A-Za-z0-9]{12,}
twitter AAAAAAAAAAAAAAAAAAAAA[A-Za-z0-9%]{30,}
aws-session (?:FwoGZXIvYXdzE|IQoJb3JpZ2luX2Vj|FQoGZXIvYXdzE)[A-Za-z0-9/+=]{40,}
nostr nsec1[02-9ac-hj-np-z]{58}
stellar (?:SA|SB|SC|SD)[A-Z2-7]{54}
trigger tr_(?:prod|dev|stg)_[A-Za-z0-9]{16,}
twitch oauth:[a-z0-9]{28,36}
htpasswd \$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{20,24}
macaroon MDAx[A-Za-z0-9_\-=]{80,}
"""
MARKED = r"""
Q~ 4 33 azure-ad [A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}
:AA 8-10 35 telegram \d{8,10}:AA[A-Za-z0-9_\-]{32,35}
-us 32 30 mailchimp [0-9a-f]{32}-us\d{1,2}
.atlasv1. 14 69 terraform [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{60,}
JQQJ99 52 78 azure-key [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,40}
AAAAAC 52 62 azure-devops [A-Za-z0-9]{52}AAAAAC[A-Za-z0-9]{4,26}
+ASt 76 30 azure-storage [A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{6}==
AzSe 42 52 azure-search [A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5}
AzCa 33 44 azure-redis [A-Za-z0-9]{33}AzCa[A-P][A-Za-z0-9]{5}=
ACDb 76 30 azure-cosmos [A-Za-z0-9+/]{76}ACDb[A-Za-z0-9+/]{6}==
NRAL 36 40 new-relic-licence (?:[0-9a-f]{32}(?:FFFF|[0-9a-f]{4})|eu01xx[0-9a-f]{26}(?:FFFF|[0-9a-f]{4}))NRAL
AZDO 76-80 84 azure-devops [A-Za-z0-9]{76,80}AZDO[A-Za-z0-9]{4}
_mmk 36 30 maxmind [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk
| 13-17 30 facebook-app \d{13,17}\|[A-Za-z0-9_\-]{27}
"""
