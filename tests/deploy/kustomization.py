"""Kustomizations, resolved: resources, JSON patches, images and generated secrets.

Only what ours use, after Kustomize's documentation; a field that is not known here is an error, so
that no file relies on what is not tested.
"""

import copy
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

_FIELDS = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "images",
    "patches",
    "secretGenerator",
    "generatorOptions",
}
#: Kinds that are in no namespace.
_CLUSTER_WIDE = {"Namespace"}


class KustomizationError(Exception):
    """Kustomize would refuse this, or do something else than its author meant."""


def resolve(directory: Path, secrets: str = "secrets.env") -> list[Document]:
    """Return the documents that `kubectl apply -k DIRECTORY` would send.

    Args:
        directory: has a `kustomization.yaml`.
        secrets: the file that is read where a generator says `secrets.env`.

    Raises:
        KustomizationError: a file is missing, or a patch has no target or does not fit it.
    """
    kustomization = _load(directory / "kustomization.yaml")[0]
    if unknown := set(kustomization) - _FIELDS:
        raise KustomizationError(f"{directory}: not understood here: {sorted(unknown)}")
    documents = [
        document
        for resource in kustomization["resources"]
        for document in _resource(directory / resource, secrets)
    ]
    for generator in kustomization.get("secretGenerator", []):
        documents.append(_secret(directory, generator, kustomization, secrets))
    for patch in kustomization.get("patches", []):
        target = _target(documents, patch["target"])
        for operation in _load(directory / patch["path"])[0]:
            apply(target, operation)
    for image in kustomization.get("images", []):
        _rename(documents, image)
    for document in documents:
        if document["kind"] not in _CLUSTER_WIDE:
            document["metadata"]["namespace"] = kustomization["namespace"]
    _refuse_twins(documents)
    return documents


def apply(document: Any, operation: Document) -> None:
    """Apply one operation of a JSON patch (RFC 6902) in place.

    Raises:
        KustomizationError: the path does not exist, or a test fails.
    """
    *parents, last = [
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    ]
    place = document
    for part in parents:
        place = _child(place, part, operation)
    key: Any = int(last) if isinstance(place, list) and last != "-" else last
    match operation["op"]:
        case "test":
            if _child(place, last, operation) != operation["value"]:
                raise KustomizationError(f"not so: {operation}")
        case "replace":
            _child(place, last, operation)
            place[key] = copy.deepcopy(operation["value"])
        case "remove":
            _child(place, last, operation)
            del place[key]
        case "add" if isinstance(place, dict):
            place[key] = copy.deepcopy(operation["value"])
        case _:
            raise KustomizationError(f"not understood here: {operation}")


def _child(place: Any, part: str, operation: Document) -> Any:
    try:
        return place[int(part)] if isinstance(place, list) else place[part]
    except (KeyError, IndexError, ValueError, TypeError):
        raise KustomizationError(f"there is no {part!r} on the way: {operation}") from None


def _resource(path: Path, secrets: str) -> list[Document]:
    return resolve(path, secrets) if path.is_dir() else _load(path)


def _load(path: Path) -> list[Any]:
    if not path.is_file():
        raise KustomizationError(f"there is no {path}")
    # An anchor's places are one object in memory, which a patch would change at once.
    return [unshared(document) for document in yaml.safe_load_all(path.read_text())]


def unshared(document: Any) -> Any:
    """Return the same values, with nothing shared between two places."""
    if isinstance(document, dict):
        return {key: unshared(value) for key, value in document.items()}
    if isinstance(document, list):
        return [unshared(value) for value in document]
    return document


def _secret(
    directory: Path, generator: Document, kustomization: Document, secrets: str
) -> Document:
    if not kustomization["generatorOptions"]["disableNameSuffixHash"]:
        raise KustomizationError("a RayCluster would not find a secret with a suffix")
    data = {}
    for name in generator["envs"]:
        path = directory / (secrets if name == "secrets.env" else name)
        if not path.is_file():
            raise KustomizationError(f"there is no {path}")
        lines = path.read_text().splitlines()
        data |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": generator["name"]},
        "type": "Opaque",
        "stringData": data,
    }


def _target(documents: list[Document], target: Document) -> Document:
    found = [
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == (target["kind"], target["name"])
    ]
    if len(found) != 1:
        raise KustomizationError(f"{len(found)} documents for {target}")
    return found[0]


def _rename(place: Any, image: Document) -> None:
    """Change images in every list of containers, as Kustomize does, of custom resources too."""
    if isinstance(place, list):
        for item in place:
            _rename(item, image)
        return
    if not isinstance(place, dict):
        return
    for key, value in place.items():
        if key in ("containers", "initContainers") and isinstance(value, list):
            for container in value:
                container["image"] = _renamed(container["image"], image)
        _rename(value, image)


def _renamed(reference: str, image: Document) -> str:
    name, _, tag = reference.partition(":")
    if name != image["name"]:
        return reference
    tag = image.get("newTag", tag)
    name = image.get("newName", name)
    return f"{name}:{tag}" if tag else name


def _refuse_twins(documents: list[Document]) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    if twins := {name for name in names if names.count(name) > 1}:
        raise KustomizationError(f"more than once: {twins}")
