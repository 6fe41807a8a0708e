"""The manifests: valid, closed, and referring to what there is."""

import copy
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.crds import SCHEMAS
from tests.deploy.kustomization import Document, KustomizationError, apply, resolve
from tests.deploy.manifests import (
    EXAMPLE,
    KUBERNETES,
    OVERLAYS,
    Pod,
    environment,
    one,
    overlay,
    pods,
)

#: The oldest that these manifests are for, and a new one.
VERSIONS = ("1.29", "1.37")


def check(document: Document, version: str) -> None:
    """Raise a ValidationError where Kubernetes, of that version, would refuse a document."""
    if document["kind"] in SCHEMAS:
        jsonschema.validate(document, SCHEMAS[document["kind"]])
    else:
        kubernetes_validate.validate(document, version, strict=True)
    for pod in pods([document]):
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": pod.metadata, "spec": pod.spec}
        kubernetes_validate.validate(whole, version, strict=True)


@pytest.fixture(scope="module", params=OVERLAYS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    """The documents of each overlay."""
    return overlay(request.param)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_fits_its_schema(documents: list[Document], version: str) -> None:
    for document in documents:
        check(document, version)


def test_a_misspelt_field_is_found(documents: list[Document]) -> None:
    for kind, name in (("Deployment", "gateway"), ("RayCluster", "credence")):
        wrong = copy.deepcopy(one(documents, kind, name))
        pods([wrong])[0].spec["containers"][0]["imagePullPolice"] = "Always"
        with pytest.raises(jsonschema.ValidationError, match="imagePullPolice"):
            check(wrong, VERSIONS[-1])
    wrong = copy.deepcopy(one(documents, "RayCluster", "credence"))
    wrong["spec"]["autoscalerOptions"]["idleTimeout"] = 60
    with pytest.raises(jsonschema.ValidationError, match="idleTimeout"):
        check(wrong, VERSIONS[-1])


def test_the_operators_own_containers_get_a_valid_start(documents: list[Document]) -> None:
    # KubeRay makes the autoscaler's container from these; they are a container's fields.
    options = one(documents, "RayCluster", "credence")["spec"]["autoscalerOptions"]
    container = {
        "name": "autoscaler",
        "image": "credence",
        "resources": options["resources"],
        "securityContext": options["securityContext"],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "head"},
        "spec": {"containers": [container]},
    }
    kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)
    assert options["securityContext"]["readOnlyRootFilesystem"] is True


def test_no_container_has_more_rights_than_it_needs(documents: list[Document]) -> None:
    for pod in pods(documents):
        rights = pod.spec["securityContext"]
        assert rights["runAsNonRoot"] is True, pod.owner
        assert rights["runAsUser"] > 0, pod.owner
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}, pod.owner
        for container in pod.spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, container["name"]
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec), pod.owner
    namespace = one(documents, "Namespace", "credence")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_the_head_may_speak_to_kubernetes(documents: list[Document]) -> None:
    # Its autoscaler does; KubeRay gives it an account of its own for that.
    for pod in pods(documents):
        assert pod.spec.get("automountServiceAccountToken", True) is (pod.owner == "ray head")


def test_a_worker_is_given_no_secret(documents: list[Document]) -> None:
    workers = [p for p in pods(documents) if p.owner.startswith("ray ") and p.owner != "ray head"]
    assert workers
    for pod in workers:
        for container in pod.spec["containers"]:
            # KubeRay adds the token of Ray's nodes, without which they would not be any.
            assert all(isinstance(value, str) for value in environment(container).values())
            assert "envFrom" not in container
        assert not any("secret" in volume for volume in pod.spec["volumes"])


def test_nothing_of_ray_answers_who_is_not_of_it(documents: list[Document]) -> None:
    spec = one(documents, "RayCluster", "credence")["spec"]
    head = spec["headGroupSpec"]
    assert head["rayStartParams"]["include-dashboard"] == "false"
    assert head["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    assert head["serviceType"] == "ClusterIP"
    assert spec["authOptions"]["mode"] == "token"
    # The dashboard's port and that of Ray's client, which both run code for whoever asks.
    opened = {port["containerPort"] for pod in pods(documents) for port in _ports(pod)}
    assert not {8265, 10001} & opened
    assert not any(document["kind"] in ("Ingress", "Route") for document in documents)


def test_mounts_claims_and_secrets_exist(documents: list[Document]) -> None:
    secret = one(documents, "Secret", "credence")["stringData"]
    named = set()
    for pod in pods(documents):
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        claims = _claim_templates(documents, pod)
        for container in pod.spec["containers"]:
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= set(volumes) | claims, container["name"]
            for value in environment(container).values():
                if isinstance(value, dict) and (reference := value.get("secretKeyRef")):
                    assert reference["name"] == "credence"
                    named.add(reference["key"])
        for volume in volumes.values():
            if claim := volume.get("persistentVolumeClaim"):
                assert one(documents, "PersistentVolumeClaim", claim["claimName"])
    assert one(documents, "RayCluster", "credence")["spec"]["authOptions"] == {
        "mode": "token",
        "secretName": "credence",
    }
    # KubeRay reads this key.
    assert named == set(secret) == {"database_password", "auth_token"}


def _claim_templates(documents: list[Document], pod: Pod) -> set[str]:
    return {
        template["metadata"]["name"]
        for document in documents
        if document["kind"] == "StatefulSet" and document["metadata"]["name"] == pod.owner
        for template in document["spec"]["volumeClaimTemplates"]
    }


def test_a_variable_that_another_refers_to_stands_before_it(documents: list[Document]) -> None:
    # Kubernetes leaves `$(NAME)` as it is where NAME comes later.
    for pod in pods(documents):
        for container in pod.spec["containers"]:
            names = list(environment(container))
            for name, value in environment(container).items():
                if isinstance(value, str) and "$(" in value:
                    earlier = value.partition("$(")[2].partition(")")[0]
                    assert names.index(earlier) < names.index(name)


def test_services_and_probes_name_ports_that_there_are(documents: list[Document]) -> None:
    for document in documents:
        if document["kind"] != "Service":
            continue
        assert "type" not in document["spec"], "a service for the cluster alone"
        chosen = [pod for pod in pods(documents) if _chosen(document["spec"]["selector"], pod)]
        assert chosen, document["metadata"]["name"]
        for pod in chosen:
            ports = {port["name"]: port["containerPort"] for port in _ports(pod)}
            for port in document["spec"]["ports"]:
                assert ports[port["targetPort"]] == port["port"]
    for pod in pods(documents):
        names = {port["name"] for port in _ports(pod)}
        for container in pod.spec["containers"]:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for action in container.get(probe, {}).values():
                    if isinstance(action, dict) and "port" in action:
                        assert action["port"] in names


def _ports(pod: Pod) -> list[Document]:
    return [port for container in pod.spec["containers"] for port in container.get("ports", [])]


def _chosen(selector: dict[str, str], pod: Pod) -> bool:
    return selector.items() <= pod.labels.items()


def test_the_gateway_is_asked_for_its_health(documents: list[Document]) -> None:
    (pod,) = (pod for pod in pods(documents) if pod.owner == "gateway")
    container = pod.container("gateway")
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    # A head that is started again takes a minute or two; results must stay readable meanwhile.
    patience = container["readinessProbe"]
    assert patience["periodSeconds"] * patience["failureThreshold"] >= 180


def test_networks_are_closed_but_for_what_is_needed(documents: list[Document]) -> None:
    policies = [document for document in documents if document["kind"] == "NetworkPolicy"]
    (deny,) = (
        policy["spec"] for policy in policies if policy["metadata"]["name"] == "default-deny"
    )
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    allowed = {
        (source.owner, pod.owner)
        for policy in policies
        for pod in pods(documents)
        if _chosen(policy["spec"]["podSelector"].get("matchLabels", {}), pod)
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        for source in pods(documents)
        if "podSelector" in peer and _chosen(peer["podSelector"]["matchLabels"], source)
    }
    nodes = {pod.owner for pod in pods(documents) if pod.owner.startswith("ray ")}
    assert allowed == {("gateway", "postgres"), ("ray head", "postgres")} | {
        (one_node, other) for one_node in nodes for other in nodes
    }
    entered = {
        policy["metadata"]["name"]: policy["spec"]["podSelector"]["matchLabels"]
        for policy in policies
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        if "namespaceSelector" in peer
    }
    # Prometheus, where there is one, reads metrics; nobody else enters but by the gateway.
    assert entered.pop("gateway") == {"app.kubernetes.io/name": "gateway"}
    assert set(entered) <= {"monitoring"}


def test_every_way_in_has_its_way_out(documents: list[Document]) -> None:
    # Under a default denial a connection needs both.
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    everyone = pods(documents)

    def reaches(source: Pod, target: Pod) -> bool:
        return any(
            "podSelector" in peer and _chosen(peer["podSelector"]["matchLabels"], target)
            for policy in policies
            if _chosen(policy["podSelector"].get("matchLabels", {}), source)
            for rule in policy.get("egress", [])
            for peer in rule.get("to", [])
        )

    by_owner = {pod.owner: pod for pod in everyone}
    assert reaches(by_owner["gateway"], by_owner["postgres"])
    assert reaches(by_owner["ray head"], by_owner["postgres"])
    assert reaches(by_owner["ray cpu"], by_owner["ray head"])
    assert not reaches(by_owner["ray cpu"], by_owner["postgres"])
    assert not reaches(by_owner["gateway"], by_owner["ray head"])


def test_groups_grow_within_their_bounds(documents: list[Document]) -> None:
    spec = one(documents, "RayCluster", "credence")["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    for group in spec["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        (worker,) = group["template"]["spec"]["containers"]
        # Ray takes from the limit what a node offers; part of a CPU would be none.
        assert worker["resources"]["limits"]["cpu"].isdigit()
    # So many workers have room when all groups of processors are at their largest.
    room = sum(
        group["maxReplicas"]
        * int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
        for group in spec["workerGroupSpecs"]
        if group["groupName"] == "cpu"
    )
    head = pods([one(documents, "RayCluster", "credence")])[0]
    settings = environment(head.container("dispatcher"))
    assert int(settings["CREDENCE_WORKERS"]) * int(settings["CREDENCE_THREADS"]) <= room


def test_production_has_gpus() -> None:
    spec = one(overlay("production"), "RayCluster", "credence")["spec"]
    (group,) = (each for each in spec["workerGroupSpecs"] if each["groupName"] == "gpu")
    assert group["minReplicas"] == 0
    (worker,) = group["template"]["spec"]["containers"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "/credence-cuda:" in worker["image"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_without_its_secrets_an_overlay_is_refused(name: str) -> None:
    directory = KUBERNETES / "overlays" / name
    with pytest.raises(KustomizationError, match="no-such-file"):
        resolve(directory, "no-such-file.env")
    lines = (directory / EXAMPLE).read_text().splitlines()
    given = [line for line in lines if not line.startswith("#")]
    assert all(line.endswith("=") for line in given), "no password in the repository"


def test_every_file_is_used() -> None:
    used = {path for name in ("base", "monitoring") for path in _listed(KUBERNETES / name)}
    for name in OVERLAYS:
        used |= set(_listed(KUBERNETES / "overlays" / name))
    assert used == set(KUBERNETES.rglob("*.yaml"))


def _listed(directory: Path) -> list[Path]:
    file = directory / "kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text())
    resources = [directory / resource for resource in kustomization["resources"]]
    patches = [directory / patch["path"] for patch in kustomization.get("patches", [])]
    return [file, *patches, *(path for path in resources if path.suffix)]


def test_a_patch_that_does_not_fit_is_refused() -> None:
    document = {"list": [{"name": "a"}]}
    apply(document, {"op": "test", "path": "/list/0/name", "value": "a"})
    apply(document, {"op": "add", "path": "/new~1key", "value": 1})
    assert document["new/key"] == 1
    for operation in (
        {"op": "test", "path": "/list/0/name", "value": "b"},
        {"op": "replace", "path": "/list/1/name", "value": "b"},
        {"op": "remove", "path": "/nothing"},
        {"op": "move", "path": "/list", "from": "/new"},
    ):
        with pytest.raises(KustomizationError):
            apply(document, operation)
