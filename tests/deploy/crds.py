"""Schemas of the custom resources that our manifests use, after the operators' own definitions.

Of KubeRay 1.6 (`ray-operator/apis/ray/v1/raycluster_types.go`) and of the Prometheus operator
(`monitoring.coreos.com/v1`): the fields that we use, and no others, so that a misspelt one is an
error. Pod templates, environments and the like are checked as parts of a Pod.
"""

from typing import Any

Schema = dict[str, Any]


def _object(required: list[str], **properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_STRINGS: Schema = {"type": "object", "additionalProperties": _STRING}
_PART: Schema = {"type": "object"}
_METADATA = _object(["name"], name=_STRING, namespace=_STRING, labels=_STRINGS)
_SELECTOR = _object(["matchLabels"], matchLabels=_STRINGS)


def _resource(version: str, kind: str, spec: Schema) -> Schema:
    return _object(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=_METADATA,
        spec=spec,
    )


_HEAD = _object(
    ["rayStartParams", "template"],
    serviceType={"enum": ["ClusterIP"]},
    rayStartParams=_STRINGS,
    template=_object(["spec"], metadata=_PART, spec=_PART),
)
_GROUP = _object(
    ["groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"],
    groupName=_STRING,
    replicas=_COUNT,
    minReplicas=_COUNT,
    maxReplicas=_COUNT,
    rayStartParams=_STRINGS,
    template=_object(["spec"], metadata=_PART, spec=_PART),
)
_AUTOSCALER = _object(
    [],
    version={"enum": ["v1", "v2"]},
    idleTimeoutSeconds=_COUNT,
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    resources=_PART,
    securityContext=_PART,
)
_RAY = _object(
    ["headGroupSpec"],
    rayVersion=_STRING,
    authOptions=_object([], mode={"enum": ["disabled", "token"]}, secretName=_STRING),
    upgradeStrategy=_object(["type"], type={"enum": ["Recreate", "None"]}),
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions=_AUTOSCALER,
    headGroupSpec=_HEAD,
    workerGroupSpecs={"type": "array", "items": _GROUP},
)
_ENDPOINTS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": _object(["port"], port=_STRING, path=_STRING, interval=_STRING),
}

SCHEMAS: dict[str, Schema] = {
    "RayCluster": _resource("ray.io/v1", "RayCluster", _RAY),
    "ServiceMonitor": _resource(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        _object(["selector", "endpoints"], selector=_SELECTOR, endpoints=_ENDPOINTS),
    ),
    "PodMonitor": _resource(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        _object(
            ["selector", "podMetricsEndpoints"], selector=_SELECTOR, podMetricsEndpoints=_ENDPOINTS
        ),
    ),
}
