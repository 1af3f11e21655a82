"""The door to the command line.

Owns who gets the words: `llama-server`, with which model servers are started, and the
server itself, both without waiting for a command line parser; or the commands of
`hotbay.cli.commands`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hotbay.cli.flags import FlagError, server_flags, translate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return its exit code, or exit with it."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["llama-server"]:
        # Its options are llama-server's own, in llama-server's own spelling.
        from hotbay.llamacpp.server import main as llama_server  # noqa: PLC0415 - an extra

        return llama_server(words[1:])
    try:
        words = translate(words)
    except FlagError as error:
        print(f"{error}\nUsage: hotbay [flags]; hotbay --help lists them", file=sys.stderr)
        return 2
    flags = server_flags(words)
    if flags is not None:
        from hotbay.cli.serve import options_of, serve  # noqa: PLC0415 - see the module's docstring

        return serve(options_of(flags))
    from hotbay.cli.commands import app  # noqa: PLC0415 - see the module's docstring

    app(args=words, prog_name="hotbay")
    return 0
