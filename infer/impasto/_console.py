"""How every command of Impasto ends: one line on stderr and one rule for exit statuses.

0: done; 1: a batch in which some pictures failed; 2: a wrong call or input; 130: stopped by Ctrl-C.
"""

import sys

import typer

from ._errors import ImpastoError


def run(app: typer.Typer, command: str) -> int:
    """Run ``app`` on ``sys.argv`` under the name ``command`` and return its exit status."""
    try:
        return app(prog_name=command, standalone_mode=False) or 0
    except (ImpastoError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        line = " ".join(message.split())
    except (typer.Abort, KeyboardInterrupt):
        print(f"\n{command}: stopped", file=sys.stderr)
        return 130
    print(f"{command}: {line}", file=sys.stderr)
    return 2
