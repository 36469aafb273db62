"""The command line: python3 -m devcluster up | down | status | images | env | browser | tool | kueue."""

import argparse
import os
import signal
import sys

from devcluster import commands, kueue, settings
from devcluster.errors import DevclusterError
from devcluster.images import IMAGES
from devcluster.progress import say


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python3 -m devcluster", description="The cluster of the demo and the tests.")
    named = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named.add_parser("up", help="make the cluster and its registry; quick when they are there")
    removal = named.add_parser("down", help="remove the cluster, its registry and all they left on this machine")
    removal.add_argument("--purge", action="store_true", help="remove the caches too: the next `up` builds everything")
    named.add_parser("status", help="what there is; exit status 0 when it is up, 3 when it is not")
    images = named.add_parser("images", help="build our images, push them, print their references by digest")
    images.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(each.name for each in IMAGES)}; default: all but worker-cuda",
    )
    named.add_parser("env", help="KEY=VALUE lines that lead to the cluster")
    named.add_parser("browser", help="the path of Chromium, which the page is tested in; installed if absent")
    queues = named.add_parser("kueue", help="Kueue, for queues with quotas: compile it, install it, remove it")
    queues.add_argument("wanted", choices=["build", "up", "down"])
    path = named.add_parser("tool", help="the path of kubectl, helm, kind, etcd, kube-apiserver ...; built if absent")
    path.add_argument("name", metavar="NAME")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command. An error that the user can fix is reported in one sentence."""
    options = parser().parse_args(arguments)
    # As an exception, so that what runs below ends too; the default would leave kind or a compiler behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return run(options, settings.from_environment())
    except DevclusterError as error:
        say(f"devcluster: {error}")
        return error.exit_status
    except BrokenPipeError:
        # Whoever read our output has seen enough; what Python still holds of it has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        say(f"devcluster: {error.strerror or error}: {error.filename or 'no file named'}.")
        return 1
    except KeyboardInterrupt:
        say("devcluster: interrupted; run the same command again to go on.")
        return 130


def run(options: argparse.Namespace, chosen: settings.Settings) -> int:
    """The exit status of the command that the options name."""
    match options.command:
        case "down":
            return commands.down(chosen, purge=options.purge)
        case "images":
            return commands.images(chosen, options.names)
        case "kueue":
            return {"build": kueue.build, "up": kueue.up, "down": kueue.down}[options.wanted](chosen)
        case "tool":
            return commands.tool(chosen, options.name)
    plain = {"up": commands.up, "status": commands.status, "env": commands.env, "browser": commands.browser}
    return plain[options.command](chosen)


if __name__ == "__main__":
    sys.exit(main())
