"""Makes an incident happen on a host of its own and saves what an operator would have saved.

``python capture.py NAME OUT`` writes the files of one scenario and its truth.json into the folder OUT;
``python capture.py --list`` tells the scenarios. Needs root, for the namespaces.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import host
from lab import Lab, by_name
from scenarios import ALL


def main() -> int:
    """Starts itself again as the first process of new namespaces; there it runs the scenario."""
    scenarios = by_name(ALL)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=sorted(scenarios), metavar="NAME")
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT")
    parser.add_argument("--list", action="store_true", help="tell the scenarios")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.list:
        for scenario in scenarios.values():
            print(f"{scenario.name:28} {scenario.verdict.cause:28} {scenario.summary}")
        return 0
    if arguments.name is None or arguments.out is None:
        parser.error("NAME and OUT are needed")
    if os.geteuid():
        parser.error("root is needed, for the namespaces")
    arguments.out.mkdir(parents=True, exist_ok=True)
    out = arguments.out.resolve()
    if not arguments.inside:
        command = [*host.NAMESPACES, sys.executable, __file__, arguments.name, str(out), "--inside"]
        return subprocess.run(command, check=False, timeout=600).returncode
    host.settle(arguments.name)
    with Lab(scenarios[arguments.name], out) as lab:
        scenarios[arguments.name].run(lab)
    return 0


if __name__ == "__main__":
    sys.exit(main())
