"""What the Kubernetes manifests contain: overlays, pods, containers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.kustomization import Document, resolve

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("laptop", "production")
#: Stands in for the file that whoever deploys makes of it.
EXAMPLE = "secrets.example.env"


@dataclass(frozen=True)
class Pod:
    """A pod template, with the labels that its pods get, also from KubeRay."""

    owner: str
    labels: dict[str, str]
    spec: Document
    metadata: Document

    def container(self, name: str) -> Document:
        """Return the container of that name."""
        return next(each for each in self.spec["containers"] if each["name"] == name)


def overlay(name: str) -> list[Document]:
    """Return the documents of an overlay."""
    return resolve(KUBERNETES / "overlays" / name, EXAMPLE)


def one(documents: list[Document], kind: str, name: str) -> Document:
    """Return the document of that kind and name."""
    return next(
        document
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )


def pods(documents: list[Document]) -> list[Pod]:
    """Return all pod templates; of a RayCluster the head's and each group's."""
    found = []
    for document in documents:
        name = document["metadata"]["name"]
        if document["kind"] in ("Deployment", "StatefulSet"):
            found.append(_pod(name, document["spec"]["template"], {}))
        if document["kind"] == "RayCluster":
            spec = document["spec"]
            groups = {"head": spec["headGroupSpec"]}
            groups |= {group["groupName"]: group for group in spec["workerGroupSpecs"]}
            for group, content in groups.items():
                role = "head" if group == "head" else "worker"
                given = {"ray.io/cluster": name, "ray.io/node-type": role, "ray.io/group": group}
                found.append(_pod(f"ray {group}", content["template"], given))
    return found


def environment(container: Document) -> dict[str, Any]:
    """Return a container's variables: values, or the `valueFrom` of those that have none."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in container.get("env", [])
    }


def _pod(owner: str, template: Document, given: dict[str, str]) -> Pod:
    metadata = template.get("metadata", {})
    return Pod(owner, metadata.get("labels", {}) | given, template["spec"], metadata)
