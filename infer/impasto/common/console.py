"""How every command of Impasto ends: one line on stderr and one rule for exit statuses.

0: done; 1: a batch in which some pictures failed; 2: a wrong call or input; 130: stopped by Ctrl-C, but for a training,
which exports what it has learned.
"""

import io
import logging
import os
import signal
import sys
import threading
import warnings

import typer

from .errors import ImpastoError, one_line

_WRONG, _STOPPED = 2, 130


def run(app: typer.Typer, command: str) -> int:
    """Run ``app`` on ``sys.argv`` under the name ``command`` and return its exit status."""
    if sys.stdout is None:  # closed, as some services start programs
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open as long as the program runs
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a title or a path may not fit the terminal's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    # Pillow warns and logs its remarks on odd files; what matters is raised.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    if threading.current_thread() is threading.main_thread():
        # what ``kill`` and schedulers send, and a terminal that is closed: temporary files are removed as on Ctrl-C
        for name in ("SIGTERM", "SIGHUP"):
            if signal.getsignal(number := getattr(signal, name, signal.SIGTERM)) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = app(prog_name=command, standalone_mode=False) or 0
        sys.stdout.flush()
    except (ImpastoError, typer.TyperException) as error:
        message = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        message = message.replace("Value error, ", "")  # so pydantic, by which typer checks, begins what others say
        print(f"{command}: {one_line(message)}", file=sys.stderr)
        return _WRONG
    except (typer.Abort, KeyboardInterrupt):
        status = _STOPPED
    except BrokenPipeError:  # e.g. `| head`: whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python itself flushes once more
        return 1
    except OSError as error:  # e.g. what stdout is sent to is full
        what = f"{error.strerror}: {error.filename or 'stdout'}" if error.strerror else one_line(error)
        print(f"{command}: {what}", file=sys.stderr)
        return _WRONG
    if status == _STOPPED:  # typer makes a status of Ctrl-C by itself
        print(f"\n{command}: stopped", file=sys.stderr)
    return status
