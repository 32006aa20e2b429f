"""Passwords that tools are given on a command line: curl -u bob:..., mysql -p..., sshpass -p ....

No name stands before such a password, only a letter that means something else to every other tool; so the tool is the cue. A text
without such a letter behind a blank and a hyphen, as most are, is not searched for tools at all.

Rules: linear: a look is bounded and never leaves the line, unless a backslash goes on with it, nor the text's own leaf; variables
and placeholders are no passwords.
"""

import re
from collections.abc import Iterator

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page, linear

_GAP = r"""(?:[ \t"',\[]|\\\n)+"""
_FLAG = r"""(?<=[ \t"',\n])"""
_WORD = r"""["']?(?P<value>(?<=["'])[^"'\n\x00]{4,96}(?=["'])|[^\s"'`\\|<>;]{4,96})"""
_LOGIN = rf"""{_FLAG}(?:-u|-U|--user|--proxy-user)(?:=|{_GAP})?["']?[\w.@+\-]{{1,64}}[:%]{_WORD}"""
# tools, and how they are given a password
_TOOLS = (
    ("curl", _LOGIN),
    ("smbclient|rpcclient", _LOGIN),
    (
        "mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin|7z|7za|rar|unrar",
        rf"{_FLAG}-p{_WORD}",
    ),
    ("sshpass", rf"{_FLAG}-p(?:{_GAP})?{_WORD}"),
    (
        "docker login|podman login|nerdctl login|helm registry login|az login|oc login|mongo|mongosh|mongodump|mongorestore",
        rf"{_FLAG}-p{_GAP}{_WORD}",
    ),
    ("redis-cli|valkey-cli", rf"{_FLAG}-a{_GAP}{_WORD}"),
    ("ldapsearch|ldapmodify|ldapadd|ldapdelete|ldapwhoami|ldappasswd", rf"{_FLAG}-w{_GAP}{_WORD}"),
    ("sqlcmd|bcp|zip|unzip|ipmitool", rf"{_FLAG}-P(?:{_GAP})?{_WORD}"),
    ("plink|pscp|psftp|putty", rf"{_FLAG}-pw{_GAP}{_WORD}"),
    ("keytool|jarsigner", rf"{_FLAG}-(?:store|key)pass{_GAP}{_WORD}"),
    ("openssl", rf"\bpass:{_WORD}"),
    ("htpasswd", rf"{_FLAG}-[a-zA-Z]*b[a-zA-Z]*{_GAP}\S{{1,64}}{_GAP}[\w.@\-]{{1,64}}{_GAP}{_WORD}"),
)
_ALL = "|".join(tools for tools, _ in _TOOLS)
_CALLS = linear(rf"""\b(?:{_ALL.replace(" ", "[ ]+")})(?:["',]["',]*[ \t]*|[ \t][ \t]*)["']?[^\s]""")
_ARGUMENTS = {tool: re.compile(argument) for tools, argument in _TOOLS for tool in tools.split("|")}
# how arguments begin, behind their hyphen; behind some the password goes on at once
_FLAGS = frozenset(("a ", "w ", "-u", "-p", "ke", "st", "b ", "bc", "cb", "nb", "ib"))
_GLUED = frozenset("uUpP")
_NAME = re.compile(rf"(?:{_ALL})(?![\w\-])")
_LINE = re.compile(r"(?:\\\n|(?! (?:\||&&|;) )[^\n\x00]){0,400}")
_NO_PASSWORD = re.compile(
    r"['\"]*[$<{%*\-]|x{4}|(?:pass(?:word|wd)?|pw|pwd|secret|token|your\w*|my\w*|the|none|null|changeme|redacted|example)\W*\Z"
    r"|(?:os|env|process|config)\.",
    re.IGNORECASE,
)


def commands(page: Page) -> Iterator[Claim]:
    """What tools are given as a password on command lines."""
    text = page.text
    if not _flagged(text):
        return
    seen: dict[str, int] = {}  # how far the lines of tools were looked at
    for call in _CALLS.finditer(page.raw):
        start, end = call.span()
        key = text[start : start + 3]
        if start < seen.get(key, 0):
            continue
        tool = _NAME.match(" ".join(text[start:end].split(" ")))
        line = _LINE.match(text, end - 2)
        if tool is None or line is None:
            continue
        seen[key] = line.end()
        for found in _ARGUMENTS[tool[0]].finditer(text, end - 2, line.end()):
            value = found["value"].rstrip(",])`")
            if not _NO_PASSWORD.match(value):
                at = found.start("value")
                yield Claim(7, at, at + len(value), SECRET, "argument")


def _flagged(text: str) -> bool:
    """Whether one of the letters stands behind a blank and a hyphen somewhere."""
    at = text.find(" -")
    while at >= 0:
        if text[at + 2 : at + 4] in _FLAGS or text[at + 2 : at + 3] in _GLUED:
            return True
        at = text.find(" -", at + 2)
    return False
