"""The layout of a CMSIS pack: a description in XML beside headers and sources."""

from __future__ import annotations

from xml.etree import ElementTree

from utvm.export.layout import package_name, split
from utvm.export.request import ExportRequest
from utvm.export.templating import render

VENDOR = "utvm"
_CORES = {
    "cortex-m0": "Cortex-M0",
    "cortex-m0plus": "Cortex-M0+",
    "cortex-m3": "Cortex-M3",
    "cortex-m4": "Cortex-M4",
    "cortex-m7": "Cortex-M7",
    "cortex-m33": "Cortex-M33",
    "cortex-m55": "Cortex-M55",
}
_CATEGORIES = {".c": "sourceC", ".S": "sourceAsm"}


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """VENDOR.name.pdsc, Include, Source, README.md; a pack is these files zipped."""
    name = package_name(request.library)
    made: dict[str, str | bytes] = {
        f"{VENDOR}.{name}.pdsc": _description(request, name),
        "README.md": render("cmsis-pack/README.md", request, vendor=VENDOR, package=name),
    }
    return made | split(request.library, "Include", "Source")


def _description(request: ExportRequest, name: str) -> str:
    library, version = request.library, request.library.program.provenance["utvm"]
    what = f"{library.program.model} as a C library, made by uTVM for {request.board.title}"
    package = ElementTree.Element("package", schemaVersion="1.7.7")
    for tag, text in (("vendor", VENDOR), ("name", name), ("description", what), ("url", "")):
        ElementTree.SubElement(package, tag).text = text
    releases = ElementTree.SubElement(package, "releases")
    ElementTree.SubElement(
        releases, "release", version=version
    ).text = f"model SHA-256 {library.program.provenance['model_sha256']}"
    core = _CORES.get(request.board.core.name)
    if core is not None:
        conditions = ElementTree.SubElement(package, "conditions")
        made = ElementTree.SubElement(conditions, "condition", id=core)
        ElementTree.SubElement(made, "require", Dcore=core)
    components = ElementTree.SubElement(package, "components")
    component = ElementTree.SubElement(
        components, "component", Cclass="Machine Learning", Cgroup="Model", Csub=name, Cversion=version
    )
    if core is not None:
        component.set("condition", core)
    ElementTree.SubElement(component, "description").text = what
    listed = ElementTree.SubElement(component, "files")
    ElementTree.SubElement(listed, "file", category="doc", name="README.md")
    ElementTree.SubElement(listed, "file", category="include", name="Include/")
    for source in library.sources:
        ElementTree.SubElement(listed, "file", category=_CATEGORIES[source[-2:]], name=f"Source/{source}")
    ElementTree.indent(package)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(package, encoding="unicode") + "\n"
