"""The structs of the runtime's C interface, field for field, and the tensors that fit in them."""

import ctypes

import torch
from torch import Tensor

_INT, _POINTER, _REAL = ctypes.c_int64, ctypes.c_void_p, ctypes.c_double


class MetricStruct(ctypes.Structure):
    """`CredenceMetric` of `metric.h`."""

    _fields_ = (
        ("kind", _INT),
        ("rank", _INT),
        ("scale", _POINTER),
        ("root", _POINTER),
        ("vectors", _POINTER),
        ("stretch", _POINTER),
    )


class EvaluationStruct(ctypes.Structure):
    """`CredenceEvaluation` of `evaluate.h`."""

    _fields_ = (
        ("chains", _INT),
        ("z", _POINTER),
        ("log_density", _POINTER),
        ("gradient", _POINTER),
    )


class HmcStruct(ctypes.Structure):
    """`CredenceHmc` of `hmc.h`."""

    _fields_ = (
        ("chains", _INT),
        ("z", _POINTER),
        ("log_density", _POINTER),
        ("gradient", _POINTER),
        ("momentum", _POINTER),
        ("step_size", _POINTER),
        ("leaps", _POINTER),
        ("log_u", _POINTER),
        ("acceptance", _POINTER),
        ("divergent", _POINTER),
        ("energy", _POINTER),
        ("proposal", _POINTER),
        ("proposal_momentum", _POINTER),
    )


class SharedStepStruct(ctypes.Structure):
    """`CredenceSharedStep` of `shared_step.h`: the fields of `kernels.shared_step.SharedStep`."""

    _fields_ = (
        ("log_step", _REAL),
        ("log_average", _REAL),
        ("error", _REAL),
        ("mu", _REAL),
        ("count", _INT),
    )


class LengthStruct(ctypes.Structure):
    """`CredenceLength` of `length.h`: the fields of `kernels.length.Length`."""

    _fields_ = (
        ("log_length", _REAL),
        ("log_average", _REAL),
        ("square", _REAL),
        ("count", _INT),
    )


class PaceStruct(ctypes.Structure):
    """`CredencePace` of `crowd.h`."""

    _fields_ = (
        ("target", _REAL),
        ("step", SharedStepStruct),
        ("length", LengthStruct),
        ("refusals", _POINTER),
    )


class CrowdStruct(ctypes.Structure):
    """`CredenceCrowd` of `crowd.h`."""

    _fields_ = (
        ("chains", _INT),
        ("transitions", _INT),
        ("first", _INT),
        ("longest", _INT),
        ("z", _POINTER),
        ("log_density", _POINTER),
        ("gradient", _POINTER),
        ("momenta", _POINTER),
        ("log_u", _POINTER),
        ("step_size", _REAL),
        ("length", _REAL),
        ("pace", _POINTER),
        ("draws", _POINTER),
        ("gradients", _POINTER),
        ("log_densities", _POINTER),
        ("acceptance", _POINTER),
        ("energy", _POINTER),
        ("divergent", _POINTER),
        ("leapfrogs", _POINTER),
    )


class AveragingStruct(ctypes.Structure):
    """`CredenceAveraging` of `averaging.h`."""

    _fields_ = (
        ("target", _REAL),
        ("log_step", _POINTER),
        ("log_average", _POINTER),
        ("error", _POINTER),
        ("mu", _POINTER),
        ("count", _POINTER),
    )


class NutsStruct(ctypes.Structure):
    """`CredenceNuts` of `nuts_io.h`."""

    _fields_ = (
        ("chains", _INT),
        ("transitions", _INT),
        ("max_depth", _INT),
        ("z", _POINTER),
        ("log_density", _POINTER),
        ("gradient", _POINTER),
        ("streams", _POINTER),
        ("step_size", _POINTER),
        ("averaging", _POINTER),
        ("draws", _POINTER),
        ("log_densities", _POINTER),
        ("acceptance", _POINTER),
        ("energy", _POINTER),
        ("tree_depth", _POINTER),
        ("leapfrogs", _POINTER),
        ("divergent", _POINTER),
    )


def address(tensor: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> int:
    """Return where a tensor's numbers lie, if they are what native code will take them for.

    Raises:
        ValueError: the tensor is of another type or shape, not contiguous, or not on the CPU.
    """
    if tensor.dtype is dtype and tensor.shape == shape and tensor.is_contiguous() and tensor.is_cpu:
        return tensor.data_ptr()
    raise ValueError(
        f"a contiguous tensor of {dtype} and shape {shape} on the CPU is needed, not one of "
        f"{tensor.dtype} and shape {tuple(tensor.shape)} on {tensor.device}"
    )
