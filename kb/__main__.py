"""The `kb` command: `python -m kb` and the console script come here."""

from __future__ import annotations

import sys

from kb.errors import KBError

GLOBAL_OPTIONS = ("--home", "--collection")


def main() -> None:
    """Run the command line and end the process with its exit code.

    0 ok, 1 an error that the user can mend, 2 usage, 3 the eval gate is not met, 130 interrupted. A bug keeps
    its traceback.
    """
    from kb.cli import GateNotMet, app

    try:
        app(args=_globals_first(sys.argv[1:]), prog_name="kb")
    except KBError as error:
        sys.stderr.write(f"kb: {error}\n")
        sys.exit(1)
    except GateNotMet:
        sys.exit(3)
    except KeyboardInterrupt:
        sys.stderr.write("kb: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has gone: nothing left to say
        sys.stderr.close()
        sys.exit(0)


def _globals_first(arguments: list[str]) -> list[str]:
    """The arguments with `--home X` and `--collection X` in front, so that they may stand behind the command too."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, _ = argument.partition("=")
        if argument == "--":
            rest += [argument, *remaining]
        elif name in GLOBAL_OPTIONS and equals:
            front.append(argument)
        elif name in GLOBAL_OPTIONS:
            front.append(argument)
            front += [value for value in [next(remaining, None)] if value is not None]
        else:
            rest.append(argument)
    return front + rest


if __name__ == "__main__":
    main()
