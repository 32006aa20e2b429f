"""Passwords on command lines: the tool and a letter are all that says so."""

import pytest

from unit.guarding.unseen_kit import made, named

LINES = {
    "curl": "curl -u bob:{} https://x.test/y",
    "curl with a long name": "curl -s -X POST --user bob:{} https://x.test/y",
    "curl over lines": "curl -sS \\\n  -u bob:{} \\\n  https://x.test/y",
    "curl and a proxy": "curl --proxy-user=bob:{} https://x.test/y",
    "curl in quotes": "curl -u 'bob:{}' https://x.test/y",
    "curl glued": "curl -ubob:{} https://x.test/y",
    "a list of arguments": '["curl", "-s -u bob:{}"]',
    "mysql": "mysql -h db -u root -p{} shop",
    "mysqldump": "mysqldump --all -p'{}' > all.sql",
    "mariadb": "mariadb -uroot -p{} shop",
    "sshpass": "sshpass -p {} ssh bob@host",
    "sshpass glued": "sshpass -p'{}' ssh bob@host",
    "docker": "docker login -u bob -p {} registry.test",
    "helm": "helm registry login registry.test -u bob -p {}",
    "azure": "az login --service-principal -u app -p {} --tenant t",
    "redis": "redis-cli -h cache -a {} ping",
    "ldap": "ldapsearch -x -D cn=admin,dc=x -w {} -b dc=x",
    "sql server": "sqlcmd -S db -U sa -P {} -Q 'select 1'",
    "plink": "plink -pw {} bob@host",
    "openssl": "openssl rsa -in key.pem -passin pass:{} -out out.pem",
    "7z": "7z a -p{} all docs",
    "zip": "zip -P {} all.zip docs",
    "keytool": "keytool -list -storepass {} -keystore k.jks",
    "htpasswd": "htpasswd -bc users bob {}",
    "samba": "smbclient //host/share -U bob%{}",
    "mongo": "mongosh -u admin -p {} db",
}
BEFORE = ["", "$ ", "please run `", "sudo ", "1. Then:\n    ", "token of mysql | "]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_password_on_a_command_line_is_found(line: str, before: str) -> None:
    for seed, shape in enumerate(["hunter2{A4}7x", "{L7}4b", "S3cr!t-{A5}"]):
        password = made(shape, seed)
        assert named(before + line.format(password)) == [("Secret", password)]


@pytest.mark.parametrize("value", ["$PASSWORD", "${PW}", "<password>", "{{ pw }}", "password", "xxxxxx", "%PW%"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_what_stands_for_a_password_on_a_command_line_is_left(line: str, value: str) -> None:
    assert named(line.format(value)) == []


@pytest.mark.parametrize(
    "text",
    [
        "docker run -p 8080:80 image",
        "mysql -u root -p shop",
        "mysql -P 3306 -h db",
        "curl -u bob: https://x.test",
        "curl https://x.test -o out-put.txt",
        "zip -r all.zip docs",
        "redis-cli -h cache --scan",
        "The curl of a field is written -u or -p.",
        "ssh -p 2222 bob@host\nmysql\n-phoenix",
        "openssl req -new -key k.pem",
    ],
)
def test_other_arguments_are_left(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    "line", ["mysqldump --all -p'{}' > all.sql", "sshpass -p '{}' ssh bob@host", 'zip -P "{}" a b']
)
def test_a_password_in_quotes_on_a_command_line_is_found_whole(line: str) -> None:
    assert named(line.format("a;7Zq b7c|d")) == [("Secret", "a;7Zq b7c|d")]
