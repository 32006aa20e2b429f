"""Signs of one who talks to the model: orders taken back, personas without limits, questions for its prompt.

See injection_words for what an expression may hold, and injection for how the weights are put together.

Rules: by hand, and by what the words mean; a weight of 0.9 and more is for what hardly anybody writes by accident.
"""

from turnout_sidecar.checks.injection_words import (
    A_DROP,
    A_EARLIER,
    A_LIMITS,
    A_ORDERS,
    A_PROMPT,
    A_TELL,
    DROP,
    EARLIER,
    LIMITS,
    ORDERS,
    PROMPT,
    SCRIPTS,
    TELL,
    YOUR,
    Sign,
)

OVERRIDE = (
    Sign("override", 0.93, rf"\b{A_DROP}\b~~~\b{A_EARLIER}~~{A_ORDERS}\b", (DROP, EARLIER, ORDERS)),
    Sign(
        "override",
        0.93,
        rf"\b{A_DROP}~~{A_ORDERS}~~(?:above|before|previously|earlier|so~far|until~now|prior)\b",
        (DROP, ORDERS, "above before previously earlier so until prior"),
    ),
    Sign("override", 0.91, rf"\b{A_DROP}~(?:all|any|every|each)?~?(?:of~)?your~~{A_ORDERS}\b", (DROP, YOUR, ORDERS)),
    Sign(
        "override",
        0.8,
        (
            rf"\b{A_DROP}~(?:everything|anything|all|what(?:ever)?)~~(?:above|before|previous(?:ly)?|learned|told"
            r"|said|prior)\b"
        ),
        (DROP, "everything anything all what whatever", "above before previous previously learned told said prior"),
    ),
    Sign(
        "override",
        0.6,
        rf"\b{A_DROP}~(?:all|any|these|those|the)~~(?:instructions?|guidelines?|directives?|programming)\b",
        (DROP, "instruction instructions guideline guidelines directive directives programming"),
    ),
    Sign(
        "override",
        0.6,
        r"\byour~(?:previous|prior|original|initial|earlier|old)~(?:instructions?|prompts?|rules|orders|programming)\b",
        (
            YOUR,
            "previous prior original initial earlier old",
            "instruction instructions prompt prompts rules orders programming",
        ),
    ),
    Sign(
        "override",
        0.55,
        r"\b(?:new|updated|revised|real|actual)~(?:system~)?(?:instructions?|prompt|directives?|rules)\s*:",
        ("new updated revised real actual", "instruction instructions prompt directive directives rule rules"),
    ),
    Sign(
        "override",
        0.55,
        (
            r"\bfrom~(?:now|here)~(?:on|own|onwards?|forward|out)~(?:\w+~){0,3}(?:you|your|act|respond|answer"
            r"|reply|whenever)\b"
        ),
        ("from", "now here", "on own onward onwards forward out"),
    ),
    Sign(
        "override",
        0.6,
        r"\b(?:out~of~date|outdated|obsolete|expired)~(?:instructions?|rules|prompts?)\b",
        ("date outdated obsolete expired", "instruction instructions rules prompt prompts"),
    ),
    Sign(
        "override",
        0.5,
        (
            r"\b(?:you~(?:will|shall|must|can|may|are~allowed~to)|and)~(?:now~)?(?:only~)?(?:obey"
            r"|follow)~(?:only~)?(?:my|me|these)\b"
        ),
        ("obey follow", "my me these", "and you"),
    ),
    Sign(
        "override",
        0.91,
        r"\b(?:ignore|disregard|forget)~(?:all~)?(?:instructions|directives|guidelines)\b",
        ("ignore disregard forget", ORDERS),
    ),
    Sign(
        "override",
        0.85,
        r"\bforget~that~you~(?:are|were)~(?:an?~)?(?:AI|assistant|language~model|chat\s?gpt|bot|bound)\b",
        ("forget", "you"),
    ),
    Sign(
        "override",
        0.75,
        r"\b(?:ignore|disregard)~~(?:everything|anything|messages?|paragraphs?|content|input|text|lines?)~~(?:below|after|following|next|but|except|previous|above)\b",
        ("ignore disregard",),
    ),
    Sign(
        "override",
        0.75,
        r"\b(?:ignore|disregard)~~(?:previous|above|preceding|following|next)~(?:paragraphs?|content|input|text|lines?)\b",
        ("ignore disregard",),
    ),
    Sign(
        "override",
        0.5,
        r"\byou~(?:are~(?:no~longer|not|never)~allowed~to|may~(?:never|no~longer|only|not)|must~(?:now|only|never)|can~only|should~only)~(?:say|respond|reply|answer|output|use|speak|write|print)\b",
        ("say respond reply answer output use speak write print", "you"),
    ),
    Sign(
        "override",
        0.45,
        r"\b(?:do~not|don't|never|nothing|no)~(?:say|output|write|print|respond|respond~with|include|speak)~(?:anything|any~words?|any~other|another~word|any)~~(?:else|besides|except|other|more)\b|\bsay~nothing~else\b",
        ("else besides except other more",),
    ),
    Sign(
        "override",
        0.4,
        r"\b(?:only|just|simply)~(?:say|respond~with|reply~with|output|print|answer~with|ever~say)\b|\brespond~only~with\b|\breply~only~with\b",
        ("only just simply", "say respond reply output print answer"),
    ),
)

PERSONA = (
    Sign("persona", 0.95, r"\bdo~anything~now\b", ("anything", "now")),
    Sign(
        "persona",
        0.9,
        (
            r"\b(?:developer|debug|god|sudo|jailbreak|unrestricted|dan|maintenance|admin)~mode~~(?:enabled"
            r"|activated|on|output)\b"
        ),
        ("mode", "enabled activated on output"),
    ),
    Sign(
        "persona", 0.4, r"\b(?:developer|god|sudo|jailbreak|dan)~mode\b", ("mode", "developer god sudo jailbreak dan")
    ),
    Sign("persona", 0.55, r"\bjail~?br(?:eak|oken)\b", ("jail jailbreak jailbroken broken break",)),
    Sign(
        "persona",
        0.65,
        (
            r"\b(?:free~(?:of|from)|freed~from|not~bound~(?:by|to)|unbound~by|without|break(?:ing)?~free~(?:of"
            rf"|from)|broken~free~(?:of|from)|has~no|have~no|removed?~(?:of|from))~~{A_LIMITS}\b"
        ),
        ("free freed bound unbound without break breaking broken has have remove removed", LIMITS),
    ),
    Sign(
        "persona",
        0.65,
        (
            r"\b(?:do(?:es)?~not|don'?t|doesn'?t|never|need~not|no~longer|will~not|won'?t)~(?:have~to~|need~to~"
            rf"|\w+~)?(?:follow|abide~by|adhere~to|comply~with|obey|respect|care~about|have)~~{A_LIMITS}\b"
        ),
        ("not don doesn never longer won", LIMITS),
    ),
    Sign(
        "persona",
        0.45,
        (
            r"\b(?:openai|anthropic|google|content|usage)(?:'?s)?~(?:content~|usage~|safety~)?(?:polic(?:y|ies)"
            r"|guidelines)\b"
        ),
        ("openai anthropic google content usage", "policy policies guidelines"),
    ),
    Sign(
        "persona",
        0.5,
        r"\b(?:stay|remain|keep|be|break(?:ing)?|out~of)~(?:in~)?character\b",
        ("character", "stay remain keep be break breaking out"),
    ),
    Sign(
        "persona",
        0.5,
        (
            r"\b(?:never|do~not|don'?t|must~not|can(?:no|')?t|can~not|will~not|won'?t"
            r"|not~allowed~to)~(?:\w+~)?(?:refuse|reject|decline|deny)\b"
        ),
        ("refuse reject decline deny",),
    ),
    Sign(
        "persona",
        0.6,
        (
            r"\b(?:unfiltered|uncensored|amoral|unrestricted|unethical|immoral|nonmoral|evil|unhinged)~~(?:AI"
            r"|chatbot|assistant|language~model|bot|responses?|answers?|character|persona)\b"
        ),
        (
            "unfiltered uncensored amoral unrestricted unethical immoral nonmoral evil unhinged",
            "ai chatbot assistant language bot response responses answer answers character persona",
        ),
    ),
    Sign(
        "persona",
        0.55,
        r"\byou~(?:are|'re)~no~longer~(?:an?~)?(?:AI|bound|assistant|chat\s?gpt|language~model|limited|restricted)\b",
        ("longer", "ai bound assistant chat chatgpt language limited restricted"),
    ),
    Sign(
        "persona",
        0.5,
        (
            r"\b(?:even~if|no~matter~(?:how|if|what)|regardless~of)~~~(?:illegal|unethical|immoral|harmful"
            r"|offensive|dangerous|inappropriate|dark)\b"
        ),
        ("even matter regardless", "illegal unethical immoral harmful offensive dangerous inappropriate dark"),
    ),
    Sign(
        "persona",
        0.45,
        (
            r"\b(?:act(?:ing)?~(?:as|like)|pretend(?:ing)?~(?:to~be|that~you)|role-?~?play(?:ing)?~(?:as|a)"
            r"|simulat(?:e|ing)|immerse~yourself|(?:take|play)~(?:on~)?the~role~of|play~as)\b"
        ),
        ("act acting pretend pretending role roleplay roleplaying simulate simulating immerse play",),
    ),
    Sign(
        "persona",
        0.35,
        r"\b(?:you~are|you'?re|you~will~be)~(?:now~|going~to~(?:be|act|play|pretend)|to~act|about~to)\b",
        ("now going about act", "you"),
    ),
    Sign("persona", 0.35, r"\b(?:chat\s?gpt|gpt-?[345]|openai)\b", ("chat chatgpt gpt openai",)),
    Sign(
        "persona",
        0.4,
        r"\b(?:illegal|unethical|immoral|nsfw|profanity|swear(?:ing)?|curse~words?|foul-?~?mouth(?:ed)?|taboo)\b",
        ("illegal unethical immoral nsfw profanity swear swearing curse foul foulmouthed taboo",),
    ),
    Sign(
        "persona",
        0.5,
        (
            r"\b(?:two|2|both|dual)~~(?:different~|separate~)?(?:ways|responses|answers|outputs|replies"
            r"|paragraphs)\b~~~\b(?:gpt|normal(?:ly)?|standard|first|classic)\b"
        ),
        ("two 2 both dual", "gpt normal normally standard first classic"),
    ),
    Sign(
        "persona",
        0.4,
        r"\b(?:always|must)~(?:answer|respond|reply|comply|obey|start|fulfill?)\b",
        ("always must", "answer respond reply comply obey start fulfil fulfill"),
    ),
    Sign("persona", 0.6, r"[\x{1F512}\x{1F513}]", marks=SCRIPTS),
    Sign(
        "persona",
        0.5,
        r"\b(?:another|different|second|fictional|new)~(?:AI|language~model|chat~?bot|artificial~intelligence|assistant)\b",
        ("another different second fictional new", "ai language chatbot chat artificial assistant"),
    ),
    Sign(
        "persona",
        0.45,
        r"\b(?:can|able~to|will|must|required~to|has~to)~(?:do|say|answer|generate|answer~to|respond~to|create)~(?:anything|any~question|any~prompt|everything|all~questions|whatever)\b",
        ("anything any everything all whatever", "do say answer generate respond create"),
    ),
    Sign(
        "persona",
        0.45,
        r"\b(?:without|no|never~(?:add|include|give)|avoid)~(?:any~)?(?:warnings?|disclaimers?|moralizing|ethical~(?:concerns?|warnings?)|legal~warnings?)\b",
        ("warning warnings disclaimer disclaimers moralizing ethical legal",),
    ),
)

EXTRACTION = (
    Sign("extraction", 0.92, rf"\b{A_TELL}\b~~~\b(?:your|the)~~{A_PROMPT}\b", (TELL, PROMPT)),
    Sign(
        "extraction",
        0.91,
        rf"\b{A_TELL}~(?:\w+~){{0,3}}your~(?:\w+~)?(?:prompts?|instructions?)\b",
        (TELL, YOUR, PROMPT),
    ),
    Sign(
        "extraction",
        0.92,
        (
            rf"\b{A_TELL}\b~~~(?:instructions?|prompts?|rules|text|words|everything|messages?|conversation"
            r"|sentences?)~~(?:above|so~far|before~this|up~to~(?:this|here|now)|until~now|preceding|you~(?:were"
            r"|have~been)~(?:given|told))\b"
        ),
        (
            TELL,
            "above so before up until preceding you",
            (
                "instruction instructions prompt prompts rule rules text words everything message messages "
                "conversation sentence sentences"
            ),
        ),
    ),
    Sign(
        "extraction",
        0.9,
        (
            r"\b(?:above|previous|preceding|earlier|prior)~(?:instructions?|prompts?|rules)\b~~~\b(?:verbatim"
            r"|word~for~word|pseudo-?~?code|python|json|emojis?|base64|poem|in~full)\b"
        ),
        (
            "above previous preceding earlier prior",
            "instruction instructions prompt prompts rule rules",
            "verbatim word pseudo pseudocode code python json emoji emojis base poem full",
        ),
    ),
    Sign(
        "extraction",
        0.85,
        rf"\b{A_TELL}~~(?:above|previous|preceding|prior)~(?:text|messages?|conversation|words)\b",
        (TELL, "above previous preceding prior"),
    ),
    Sign("extraction", 0.9, r"\b(?:instructions?|prompt)~so~far\b", ("far", "instruction instructions prompt")),
    Sign(
        "extraction",
        0.8,
        (
            r"\b(?:convert|translate|rewrite|turn|describ(?:e|ing)|encode)~~(?:instructions?|rules"
            r"|prompt)~~(?:in(?:to)?|to|as|below|above)~~(?:python|pseudo-?~?code|code|javascript|json|base64"
            r"|emojis?)\b"
        ),
        ("convert translate rewrite turn describe describing encode", "instruction instructions rules prompt"),
    ),
    Sign("extraction", 0.5, r"\bsystem~prompts?\b", ("system", "prompt prompts")),
    Sign(
        "extraction",
        0.5,
        (
            r"\b(?:begin|start|prefix|open|preface)~(?:\w+~)?(?:your|the)~(?:\w+~)?(?:reply|response|answer"
            r"|output|message)~(?:with|by)\b"
        ),
        ("begin start prefix open preface", "reply response answer output message"),
    ),
    Sign(
        "extraction",
        0.5,
        (
            r"\b(?:begin|start)~(?:your~|the~)?(?:reply|response|answer|output)?~?(?:with|by~saying)~(?:[\"\[]"
            r"|\xE2\x80\x9C)"
        ),
        ("begin start", "with saying"),
    ),
    Sign(
        "extraction",
        0.55,
        (
            rf"\b{A_TELL}~(?:me~)?(?:\w+~){{0,2}}(?:the|your)~(?:secret|password|passphrase|access~code|secret~key"
            r"|api~key|credentials)\b"
        ),
        (TELL, "secret password passphrase access api credentials"),
    ),
    Sign(
        "extraction",
        0.4,
        r"\b(?:secret|access)~(?:key|code|phrase|word|password)\b",
        ("secret access", "key code phrase word password"),
    ),
    Sign(
        "extraction",
        0.92,
        rf"\b{A_TELL}~~(?:above|previous|preceding|prior|initial|original)~(?:instructions?|prompts?|rules|commands?|directives?)\b",
        (TELL, "above previous preceding prior initial original", ORDERS),
    ),
    Sign(
        "extraction",
        0.65,
        r"\b(?:append|include|including|reveal|store|put|place|print|write|type|hint~about|hint~at|spell|encode|hide)\b~~~\bthe~(?:password|pass~?code|passphrase|access~code|pass~?key|secret~(?:key|word|code))\b",
        (
            "append include including reveal store put place print write type hint spell encode hide",
            "password pass passcode passphrase passkey access secret",
        ),
    ),
)
