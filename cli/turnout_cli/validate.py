"""`turnout validate`: what an API server and the compiler would say of a folder, before anything is applied.

Exit code 1 and a line for each finding; 0 and a count where there is none.
"""

import json
import sys
from pathlib import Path

import click

from turnout_cli.standalone.folder import Folder, FolderFinding, Loaded, read_files
from turnout_cli.standalone.inputs import inputs_for
from turnout_cli.standalone.verdicts import findings_of
from turnout_contract.schema.admission import Admission
from turnout_operator.compile import Defaults, compile_namespace


@click.command("validate")
@click.option(
    "-f",
    "--filename",
    "folder",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="A folder, or one file.",
)
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of objects that name none."
)
@click.option("--allow-insecure-tls", is_flag=True, help="Accept insecureSkipVerify, as the chart's value would.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(folder: Path, namespace: str, allow_insecure_tls: bool, output: str) -> None:  # noqa: FBT001 - click's way
    """Check the manifests of a folder. Exits with 1 where something is wrong."""
    try:
        files = read_files(folder) if folder.is_dir() else {folder.name: folder.read_bytes()}
    except OSError as error:
        raise click.UsageError(f"{folder}: {error.strerror}") from error
    loaded = Folder(Admission(), namespace).load(files)
    findings = check(loaded, Defaults(allow_insecure_tls=allow_insecure_tls))
    if output == "json":
        rows = [{"file": f.file, "ref": f.ref, "path": f.path, "message": f.message} for f in findings]
        click.echo(json.dumps({"objects": len(loaded.objects), "findings": rows}, indent=2))
    else:
        for note in loaded.notes:
            click.echo(f"note: {note}", err=True)
        for finding in findings:
            click.echo(str(finding))
        if not findings:
            click.echo(f"{len(loaded.objects)} objects in {len(files)} files: all good")
    sys.exit(1 if findings else 0)


def check(loaded: Loaded, defaults: Defaults) -> tuple[FolderFinding, ...]:
    """All findings: of reading and admission, then of compiling each namespace."""
    findings = list(loaded.findings)
    for namespace in loaded.namespaces:
        result = compile_namespace(inputs_for(loaded, namespace, defaults))
        findings.extend(findings_of(result.verdicts, loaded.refused_in(namespace)))
    return tuple(findings)
