"""``segexp doctor``."""

from dataclasses import replace

from rich.text import Text

from segexp.cli.console import print_json, results
from segexp.cli.options import (
    Debug,
    Json,
    Project,
    Set,
    Storage,
    StorageFile,
    configured_project,
)
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, WorkError
from segexp.core.wording import counted

_STYLES = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def doctor(
    json_: Json = False,
    storage: Storage = None,
    storage_file: StorageFile = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Look at what a study needs of this machine and project, and say how to mend what is wrong.

    Versions, device, bf16 units, disk, permissions, data, storage, tracking server and the
    encoder's weights, a line each. Exits with 1 if something would stop a study. Without a project
    the machine alone is looked at.
    """
    from segexp.study.doctor import Check, check_machine, check_project

    found = list(check_machine())
    try:
        root, config = configured_project(project, storage, storage_file, set_)
    except InputError as error:
        found += [
            Check("project", "warning" if project is None and not set_ else "fault", fault)
            for fault in error.faults
        ]
    else:
        found += check_project(root, config)
    found = [replace(check, text=without_credentials(check.text)) for check in found]
    if json_:
        print_json({"checks": [vars(check) for check in found]})
    else:
        for check in found:
            mark = (f"{check.state:<8}", _STYLES[check.state])
            line = Text.assemble(mark, f"{check.name:<12}{check.text}")
            results.print(line, soft_wrap=not results.is_terminal)
    if faults := [check for check in found if check.state == "fault"]:
        raise WorkError(f"{counted(len(faults), 'fault')} would stop a study")
