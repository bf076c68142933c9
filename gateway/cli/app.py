"""The app all commands register on, and how a failure is said: one line, and what to do."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

# Each has `register(app)` and imports little: a command loads what it needs when it is called.
MODULES: Final = (
    "up", "serve", "migrate", "settle", "doctor", "demo", "party", "price", "pnc", "ledger",
    "settlement", "invoice", "payout", "statement",
)  # fmt: skip
WRONG: Final = 1  # the thing asked about is wrong
MISUSED: Final = 2  # the call is wrong


def build() -> typer.Typer:
    """The app with every command."""
    app = typer.Typer(
        name="networkcore",
        help="An electric-vehicle roaming hub in which the money moves too.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_whole)
    for name in MODULES:
        path = f"gateway.cli.{name}"
        if importlib.util.find_spec(path) is not None:
            importlib.import_module(path).register(app)
    return app


def run() -> None:
    """Run the command line; expected failures end in one line on standard error."""
    from gateway.settings import SettingsError

    try:
        sys.exit(build()(prog_name="networkcore", standalone_mode=False) or 0)
    except TyperException as error:
        _misused(error)
    except SettingsError as error:
        fail(str(error), code=MISUSED)
    except _expected() as error:
        fail(_told(error))


def fail(message: str, *, code: int = WRONG) -> NoReturn:
    """End with one line on standard error."""
    print("networkcore: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _misused(error: TyperException) -> NoReturn:
    """A call that the parser refused; without any word, the help was shown instead."""
    said = error.format_message().strip().rstrip(".")
    context = getattr(error, "ctx", None)
    if not said:
        sys.exit(MISUSED)
    path = context.command_path if context is not None else "networkcore"
    fail(f"{said}: see `{path} --help`", code=MISUSED)


def _expected() -> tuple[type[Exception], ...]:
    """What the world does to us; anything else is a bug and keeps its traceback."""
    from gateway.cli.run import CannotListenError
    from gateway.embedded import EmbeddedError
    from gateway.store.database import StoreUnavailable
    from gateway.store.migrate import SchemaError

    return (CannotListenError, EmbeddedError, StoreUnavailable, SchemaError)


def _told(error: Exception) -> str:
    from gateway.store.database import StoreUnavailable

    said = str(error) or type(error).__name__
    if isinstance(error, StoreUnavailable):
        return f"PostgreSQL does not answer ({said}): `networkcore doctor` says more"
    return said


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(version("networkcore"))
        raise typer.Exit


def _whole(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Its version")
    ] = False,
) -> None:
    """An electric-vehicle roaming hub in which the money moves too."""
