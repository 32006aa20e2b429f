"""Signs of what lies in a document or tool result and waits for a model: orders, forged turns, codes, links that carry data out.

See injection_words for what an expression may hold, and injection for how the weights are put together.

Rules: by hand, and by what the words mean; a weight of 0.9 and more is for what hardly anybody writes by accident.
"""

from turnout_sidecar.checks.injection_words import A_MACHINE, MACHINE, Sign

HIDDEN = (
    Sign(
        "hidden",
        0.85,
        (
            r"\b(?:notes?|attention|important|message|instructions?|notice|warning|hey|dear)\b~(?:to~"
            rf"|for~)?(?:the~|any~|all~|an~)?{A_MACHINE}\b~~(?::|[-\xE2]|read|must|should|please|process|summari"
            r"|ignore|you)"
        ),
        ("note notes attention important message instruction instructions notice warning hey dear", MACHINE),
    ),
    Sign(
        "hidden",
        0.8,
        r"\bif~you~(?:are|'re)~an?~(?:AI|LLM|large~language~model|language~model|AI~assistant|chatbot|automated)\b",
        ("if", "you", "ai llm language chatbot automated large"),
    ),
    Sign(
        "hidden",
        0.9,
        (
            r"<!--[^>]{0,400}\b(?:ignore|disregard|instructions?~(?:for|to)|assistant|system~prompt|you~must"
            r"|do~not~tell|AI~(?:agent|model|assistant))\b[^>]{0,400}-->"
        ),
        ("ignore disregard instruction instructions assistant system must tell ai",),
        marks="<!--",
    ),
    Sign(
        "hidden",
        0.85,
        (
            r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:px|pt)?"
            r"|color\s*:\s*(?:#fff(?:fff)?|white))[^>]{0,80}>[^<]{0,300}\b(?:ignore|instruct|assistant"
            r"|system~prompt|you~must)"
        ),
        ("display visibility font color", "ignore instruct instructions instruction assistant system must"),
        marks="display visibility font-size color",
    ),
    Sign(
        "hidden",
        0.85,
        (
            r"\b(?:do~not|don'?t|never|without)~(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|alert(?:ing)?"
            r"|notify(?:ing)?|reveal(?:ing)?|disclos(?:e|ing)|show(?:ing)?)~(?:(?:this|it|any~of~this"
            r"|that)~)?(?:to~)?the~(?:user|human|reader|operator)\b"
        ),
        (
            "user human reader operator",
            "not don never without",
            (
                "tell telling mention mentioning inform informing alert alerting notify notifying reveal "
                "revealing disclose disclosing show showing"
            ),
        ),
    ),
    Sign(
        "hidden",
        0.6,
        (
            r"\b(?:includ(?:e|ing|ion)|incorporat(?:e|ing)|embed(?:ding)?|insert(?:ing)?|integrat(?:e|ing)"
            r"|fus(?:e|ing)|render|introduce|make|validate)~~(?:of~)?(?:the~)?(?:following|subsequent|below"
            r"|next)~(?:\w+~){0,2}code~(?:block|snippet|section|segment|fragment)\b"
        ),
        ("code", "block snippet section segment fragment"),
    ),
    Sign(
        "hidden",
        0.5,
        (
            r"\b(?:requests\.(?:post|get)\(|smtplib|pyperclip|win32clipboard|keylog|socket\.socket|sounddevice"
            r"|pynput|os\.remove|shutil\.(?:move|rmtree)|psutil)"
        ),
        ("requests smtplib pyperclip win32clipboard keylog keylogger socket sounddevice pynput os shutil psutil",),
    ),
    Sign(
        "hidden",
        0.55,
        (
            r"\b(?:when|while|before|after)~(?:summari[sz]ing|answering|replying|responding|you~(?:answer|reply"
            r"|respond|summari[sz]e))\b~~~\b(?:call|send|email|visit|append|recommend|include|insert)\b"
        ),
        (
            "summarizing summarising answering replying responding answer reply respond summarize summarise",
            "call send email visit append recommend include insert",
        ),
    ),
)

DELIMITERS = (
    Sign(
        "delimiters",
        0.95,
        r"<\|(?:im_start|start_header_id)\|>\s*(?:system|developer|assistant)|<\|(?:system|developer)\|>",
        ("system developer assistant",),
        marks="<|",
    ),
    Sign(
        "delimiters",
        0.85,
        (
            r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|begin_of_text|end_of_turn|channel|user"
            r"|assistant)\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<\xEF\xBD\x9C(?:User|Assistant)"
        ),
        ("im endoftext eot start end header begin turn channel user assistant inst sys",),
        marks="<| inst] <<sys <</sys _of_turn> <\uff5c",
    ),
    Sign(
        "delimiters",
        0.9,
        (
            r"(?:%{3,}|#{3,}|={3,}|-{3,}|\*{3,}|>{2,}|<{2,}|\[{1,2}|/{3,}|\x60{3})\s*(?:end|begin|start|stop|new"
            r"|close|ignore)\b~~(?:instructions?|system|prompts?|user~(?:input|ambiguity|message|query)|rules"
            r"|ambiguity)\b"
        ),
        (
            "end begin start stop new close ignore",
            "instruction instructions system prompt prompts user rules ambiguity",
        ),
    ),
    Sign(
        "delimiters",
        0.9,
        (
            r"\b(?:system|admin(?:istrator)?|developer|root)~(?:override|announce~?ment|command|directive|notice"
            r"|alert)\b~~~(?:ignore|must|begin|now|new|all|you|disregard)"
        ),
        ("override announcement announce command directive notice alert", "system admin administrator developer root"),
    ),
    Sign(
        "delimiters",
        0.5,
        r"(?m)^\W{0,6}(?:system|developer|assistant)(?:~(?:message|prompt|note|instructions?))?[\]>*]{0,3}\s*:\s*\S",
        ("system developer assistant",),
    ),
    Sign(
        "delimiters",
        0.7,
        (
            r"</(?:system|instructions?|system_prompt|user_input|untrusted|document|context"
            r"|query)>\s*(?:<(?:system|instructions?|system_prompt)>|\w+~\w+)"
        ),
        ("system instruction instructions prompt input untrusted document context query",),
        marks="</",
    ),
    Sign(
        "delimiters",
        0.5,
        r"(?i)\bend~of~(?:the~)?(?:system~)?(?:prompt|instructions?|user~input|context|document)\b",
        ("end", "of", "prompt instruction instructions input context document"),
    ),
)

ENCODED = (
    Sign(
        "encoded",
        0.92,
        (
            r"\b(?:decode|decrypt|decipher|de-?obfuscate|base64|rot-?13)\b~~~\b(?:and|then)~(?:\w+~)?(?:follow"
            r"|execute|obey|carry~out|act~on|comply|do~what|run)\b"
        ),
        ("decode decrypt decipher deobfuscate obfuscate base base64 rot rot13", "and then"),
    ),
    Sign(
        "encoded",
        0.45,
        r"\b(?:decode|decrypt|decipher)~~~(?:base64|base32|rot-?13|hex(?:adecimal)?|morse|binary|cipher|caesar)\b",
        ("decode decrypt decipher",),
    ),
    Sign(
        "encoded",
        0.45,
        (
            r"\b(?:respond|reply|answer|response|output)\b~~~\b(?:base64|base32|rot-?13|morse|caesar|pig~latin"
            r"|leet~?speak|reverse~order)\b"
        ),
        (
            "respond reply answer response output",
            "base base64 base32 rot rot13 morse caesar pig leet leetspeak reverse",
        ),
    ),
)

EXFILTRATION = (
    Sign(
        "exfiltration",
        0.9,
        r"!\[[^\]\n]{0,200}\]\(https?://[^)\s]{0,300}[?&/=][^)\s]{0,200}(?:\$?\{\{?|%7[bB]|<|\[)[A-Za-z_ ]{2,40}",
        marks="![",
    ),
    Sign(
        "exfiltration",
        0.9,
        (
            r"\b(?:send|post|forward|e?-?mail|upload|transmit|exfiltrate|leak)\b~~~\b(?:conversation"
            r"|chat~(?:history|log)|credentials?|api~keys?|passwords?|secrets?|tokens?|system~prompt"
            r"|private~(?:data|keys?)|environment~variables)\b~~~\bto~\W{0,3}(?:https?://|[\w.+-]+@[\w-]+\.)"
        ),
        (
            "send post forward email mail upload transmit exfiltrate leak",
            (
                "conversation chat credential credentials api password passwords secret secrets token tokens "
                "prompt private environment"
            ),
        ),
    ),
    Sign(
        "exfiltration",
        0.8,
        (
            r"\b(?:append|encode|include|put|add|insert|attach|embed)\b~~~\b(?:conversation|chat~history|secret"
            r"|password|answer|data|summary|prompt|api~key)\b~~~\b(?:url|link|query~(?:string|parameter)|image)\b"
        ),
        (
            "append encode include put add insert attach embed",
            "url link query image",
            "conversation chat secret password answer data summary prompt api",
        ),
    ),
    Sign("exfiltration", 0.5, r"\b(?:render|display|include|output|show)~~markdown~image\b", ("markdown",)),
)
