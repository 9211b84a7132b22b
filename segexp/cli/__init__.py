"""The command line: parse, call, print. Heavy imports are inside the commands."""

import logging
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from segexp import __version__
from segexp.cli.ab import ab
from segexp.cli.best import best
from segexp.cli.compare import compare
from segexp.cli.console import SaidLog, print_error
from segexp.cli.data import data_app
from segexp.cli.doctor import doctor
from segexp.cli.evaluate import evaluate
from segexp.cli.examples import add_examples
from segexp.cli.export import export
from segexp.cli.init import init
from segexp.cli.mapping import mapping_app
from segexp.cli.mapping_import import import_
from segexp.cli.mapping_suggest import suggest
from segexp.cli.predict import predict
from segexp.cli.report import report
from segexp.cli.schema import schema
from segexp.cli.storage_proxy import storage_proxy
from segexp.cli.studies import studies_app
from segexp.cli.surroundings import put_right
from segexp.cli.sync import sync
from segexp.cli.train import train
from segexp.cli.tune import tune
from segexp.cli.ui import ui
from segexp.cli.worker import worker
from segexp.cli.worst import worst
from segexp.core import failpoint
from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError, Interrupted, WorkError, first_line
from segexp.core.signals import raise_on_signals

_log = logging.getLogger(__name__)

MAX_PRINTED = 500
"""At most this many faults are printed; an untrusted file may have hundreds of thousands."""


class _Commands(TyperGroup):
    """All commands; usage errors quote the command line without passwords."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):  # a UsageError's
                vars(error)["message"] = without_credentials(message)
            raise


app = typer.Typer(
    name="segexp",
    cls=_Commands,
    help="Which label mapping, encoder, schedule and loss weighting should we train, "
    "and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"segexp {__version__}")
        raise typer.Exit


@app.callback()
def _of_all_commands(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


app.command()(init)
app.command()(tune)
app.command()(ab)
app.command()(best)
app.command()(compare)
app.command()(report)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(export)
app.command()(worst)
app.command()(ui)
app.command()(worker)
app.command()(sync)
app.command("storage-proxy")(storage_proxy)
app.command()(doctor)
app.command()(schema)
app.add_typer(studies_app, name="studies")
app.add_typer(data_app, name="data")
mapping_app.command("import")(import_)
mapping_app.command()(suggest)
app.add_typer(mapping_app, name="mapping")
add_examples(app)


def _show_log(is_wanted: bool) -> None:
    """Show the tracebacks that are logged, or nothing below a warning."""
    log = logging.getLogger("segexp")
    log.setLevel(logging.DEBUG if is_wanted else logging.WARNING)
    log.handlers = [SaidLog()]


def main() -> NoReturn:
    """Run the command line and exit with one of the documented codes.

    0 done; 1 the work itself failed; 2 the input is wrong; 3 stopped while other processes run the
    rest of the study; 130 and 143 interrupted.
    """
    raise_on_signals()
    put_right()
    _show_log("--debug" in sys.argv)
    try:
        failpoint.choose(os.environ.get(failpoint.VARIABLE))
        app(standalone_mode=True)
    except InputError as error:
        for fault in error.faults[:MAX_PRINTED]:
            print_error(fault)
        if len(error.faults) > MAX_PRINTED:
            print_error(f"and {len(error.faults) - MAX_PRINTED} more faults")
        code = 2
    except Interrupted as error:
        print_error(f"interrupted; {error.leaves}" if error.leaves else "interrupted")
        code = 128 + error.signal_number
    except WorkError as error:
        print_error(str(error))
        _log.debug("it came from here:", exc_info=True)
        code = 1
    except BrokenPipeError:
        code = 1
    except OSError as error:  # a folder that cannot be written, a full disk, a missing device
        where = f"{error.filename}: " if error.filename is not None else ""
        print_error(f"{where}{error.strerror or first_line(error)}")
        _log.debug("it came from here:", exc_info=True)
        code = 1
    except Exception as error:
        print_error(f"{type(error).__name__}: {error}".partition("\n")[0])
        print_error("this is unexpected; --debug shows where it came from")
        _log.debug("it came from here:", exc_info=True)
        code = 1
    else:
        code = 0
    sys.exit(code)
