"""What an image is made of: every Debian package, Python package and model with its version, as a list and as an SPDX document.

Owns: reading that from the finished tree, `packages.tsv` and `*.spdx.json`.
Does not know: how any of it got there.
"""

from __future__ import annotations

import datetime as dt
import email.parser
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.errors import UnavailableError
from agent.models import catalogue
from provisioning.image.job import Job

_NOTHING = "NOASSERTION"
_ASKED = "${Package}\\t${Version}\\t${Architecture}\\n"


@dataclass(frozen=True, order=True)
class Part:
    """One thing that somebody made and that is in the image."""

    kind: str  # deb, pypi or model
    name: str
    version: str
    licence: str = _NOTHING  # SPDX's word
    address: str = ""  # package URL
    sha256: str = ""


def parts(job: Job) -> tuple[Part, ...]:
    """Everything that is in the tree, in order."""
    return tuple(sorted([*_debian(job), *_python(job.site_packages), *_models(job)]))


def listing(found: tuple[Part, ...]) -> str:
    """A line for each part: kind, name, version. Two builds with the same list were made of the same things."""
    return "".join(f"{part.kind}\t{part.name}\t{part.version}\n" for part in found)


def spdx(job: Job, found: tuple[Part, ...]) -> str:
    """The parts as an SPDX 2.3 document."""
    described = [_described(part) for part in found]
    image = {
        "SPDXID": "SPDXRef-Image",
        "name": job.stem,
        "versionInfo": job.version,
        "downloadLocation": _NOTHING,
        "filesAnalyzed": False,
        "licenseConcluded": _NOTHING,
        "licenseDeclared": "Apache-2.0",
        "copyrightText": _NOTHING,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    }
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": job.stem,
        "documentNamespace": f"urn:uuid:{job.identity('spdx')}",
        "creationInfo": {
            "created": dt.datetime.fromtimestamp(job.epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: nisse-image"],
        },
        "packages": [image, *described],
        "relationships": [
            _related("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image"),
            *(_related("SPDXRef-Image", "CONTAINS", str(each["SPDXID"])) for each in described),
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _related(one: str, how: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}


def _described(part: Part) -> dict[str, Any]:
    described: dict[str, Any] = {
        "SPDXID": f"SPDXRef-{part.kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', part.name)}",
        "name": part.name,
        "versionInfo": part.version,
        "downloadLocation": _NOTHING,
        "filesAnalyzed": False,
        "licenseConcluded": _NOTHING,
        "licenseDeclared": part.licence,
        "copyrightText": _NOTHING,
    }
    if part.sha256:
        described["checksums"] = [{"algorithm": "SHA256", "checksumValue": part.sha256}]
    if part.address:
        reference = {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": part.address,
        }
        described["externalRefs"] = [reference]
    return described


def _debian(job: Job) -> list[Part]:
    command = ("dpkg-query", f"--admindir={job.tree}/var/lib/dpkg", "--show", f"--showformat={_ASKED}")
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if told.returncode:
        raise UnavailableError("dpkg-query cannot read the tree's packages.", hint=told.stderr[-500:])
    found = []
    for line in told.stdout.splitlines():
        name, version, architecture = line.split("\t")
        address = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={architecture}"
        found.append(Part("deb", name, version, address=address))
    return found


def _python(site_packages: Path) -> list[Part]:
    found = []
    for metadata in site_packages.glob("*.dist-info/METADATA"):
        header = email.parser.HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
        name, version = str(header["Name"]).lower().replace("_", "-"), str(header["Version"])
        address = f"pkg:pypi/{quote(name)}@{quote(version, safe='')}"
        found.append(Part("pypi", name, version, str(header["License-Expression"] or _NOTHING), address))
    return found


def _models(job: Job) -> list[Part]:
    known = catalogue.load()
    found = []
    for name in job.models:
        model = known.find(name)
        found += [
            Part("model", f"{name}-{f.name}", f.sha256[:12], model.licence, sha256=f.sha256)
            for f in model.files
        ]
    return found
