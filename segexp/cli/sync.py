"""``segexp sync``."""

from segexp.cli.console import say
from segexp.cli.options import Debug, Project, Set, open_project, read_config
from segexp.core.errors import WorkError


def sync(set_: Set = None, project: Project = None, debug: Debug = False) -> None:
    """Send the records that wait because the tracking server did not answer."""
    root = open_project(project)
    uri = read_config(root, {}, set_).tracking.uri

    from segexp import tracking
    from segexp.core.credentials import without_credentials

    servers = tracking.servers_with_records(root, uri)
    if not servers:
        say("no records wait for a tracking server")
    left = []
    for server in servers:
        shown = without_credentials(server)
        try:
            done = tracking.sync(root, server)
        except OSError as error:
            raise WorkError(f"{shown}: records cannot be sent: {error}") from error
        refused = f", {done.refused} refused" if done.refused else ""
        say(f"{shown}: {done.sent} records sent{refused}")
        if done.left:
            left.append(f"{shown}: {done.left} records still wait: {done.trouble}")
    if left:
        raise WorkError("; ".join(left))
