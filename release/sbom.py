"""What an install of the tool is made of, as a CycloneDX 1.6 document: the tool and every package that it loads, with the locked version.

python release/sbom.py             write release/closewait.cdx.json
python release/sbom.py --check     exit 1 if it is not up to date

Run it in the development environment: names, licences and dependencies come from the metadata of what is installed there, versions from
requirements.lock. Nothing in it changes from one run to the next, so that the same lock makes the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = ROOT / "release" / "closewait.cdx.json"
NAME: Final = "closewait"


def locked() -> dict[str, str]:
    """Package → version of requirements.lock, which has the hashes of their files, too."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {canonical(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)}


def canonical(name: str) -> str:
    """A package's name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(package: str) -> list[str]:
    """What a package depends on here, without its extras."""
    required = (Requirement(line) for line in metadata.requires(package) or ())
    return sorted({canonical(one.name) for one in required if one.marker is None or one.marker.evaluate({"extra": ""})})


def reached() -> dict[str, list[str]]:
    """Every package that an install brings → what it depends on."""
    graph: dict[str, list[str]] = {}
    waiting = [NAME]
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = needs(name)
            waiting += graph[name]
    return graph


def component(name: str, versions: dict[str, str]) -> dict[str, Any]:
    """One package as a component."""
    version = versions[name]
    about = metadata.metadata(name)
    licence = about.get("License-Expression") or about.get("License") or ""
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        **({"licenses": [{"license": {"name": licence.splitlines()[0]}}]} if licence else {}),
    }


def document() -> str:
    """The whole document."""
    graph, versions = reached(), locked()
    own = metadata.version(NAME)
    refs = {name: f"pkg:pypi/{name}@{own if name == NAME else versions[name]}" for name in graph}
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": refs[NAME],
                "name": NAME,
                "version": own,
                "purl": refs[NAME],
                "licenses": [{"license": {"id": "GPL-2.0-or-later"}}],
            }
        },
        "components": [component(name, versions) for name in sorted(graph) if name != NAME],
        "dependencies": [{"ref": refs[name], "dependsOn": [refs[one] for one in graph[name]]} for name in sorted(graph)],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return json.dumps({"serialNumber": serial.urn, **body}, indent=1) + "\n"


def main() -> None:
    """Write the document, or compare it."""
    made = document()
    if "--check" not in sys.argv:
        TARGET.write_text(made, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != made:
        sys.exit("release/closewait.cdx.json is not up to date: python release/sbom.py")


if __name__ == "__main__":
    main()
