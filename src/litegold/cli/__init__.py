"""The command line: one verb a module, each with --json for machines."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

STARTED = time.perf_counter()  # before what takes its time to import

import typer  # noqa: E402

from ..ir import LitegoldError  # noqa: E402

app = typer.Typer(
    name="litegold",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _verbs() -> None:
    """The executable specification of on-device inference."""


def main() -> None:
    """Run the command line; a `LitegoldError` becomes one line on stderr and exit code 2."""
    verbs = [module.name for module in pkgutil.iter_modules(__path__)]
    asked = [verb for verb in verbs if verb in sys.argv[1:2]]
    for verb in asked or verbs:  # one verb does not wait for what the others import
        importlib.import_module(f"{__name__}.{verb}")
    try:
        app()
    except LitegoldError as error:
        print(f"litegold: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
