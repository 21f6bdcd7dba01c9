"""One shape for every message about bad input: where, which rule, how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

EXIT_BAD_INPUT = 2


class InputError(Exception):
    """Something the user can mend: a file, a key, a name, a missing server.

    Args:
        where: the file with line, the key, or the option that is wrong.
        rule: what holds for it and was broken, with the value that broke it.
        mend: what to do about it, a command where there is one.
    """

    def __init__(self, where: str | Path, rule: str, mend: str) -> None:
        self.where, self.rule, self.mend = str(where), rule, mend
        super().__init__(f"{where}: {rule}\n  mend: {mend}")


def run_or_explain(main: Callable[[], int]) -> int:
    """Run a command line's body; an `InputError` becomes one message and exit code 2, Ctrl-C 130."""
    try:
        return main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
