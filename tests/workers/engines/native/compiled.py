"""Densities in hand-written C++, compiled through the toolchain: what the runtime is tested on."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

import models.native
from models.native.handle import DensityHandle
from models.toolchain import build, load

HEADER = Path(models.native.__path__[0], "density.h")
REALS = {torch.float64: "double", torch.float32: "float"}

# One lane at a time: `point` is a density of one chain in double.
SOURCE = """
#include <cmath>
#include "density.h"

typedef REAL real;
constexpr int64_t D = DIM, W = 64 / sizeof(real);

static double point(const double* data, const double* z, double* g) { BODY }

static void all(const void* const* arrays, const void* z, double* values, void* gradient) {
  for (int64_t l = 0; l < W; ++l) {
    double here[D], slope[D];
    for (int64_t d = 0; d < D; ++d) here[d] = static_cast<const real*>(z)[d * W + l];
    values[l] = point(static_cast<const double*>(arrays[0]), here, slope);
    for (int64_t d = 0; d < D; ++d) static_cast<real*>(gradient)[d * W + l] = slope[d];
  }
}
static void both(const void* const* arrays, const void* z, double* value, void* g, void* scratch) {
  static_cast<char*>(scratch)[SCRATCH - 1] = 1;
  all(arrays, z, value, g);
}
static void force(const void* const* arrays, const void* z, void* gradient, void* scratch) {
  double* values = static_cast<double*>(scratch);
  all(arrays, z, values, gradient);
}
extern "C" void describe(CredenceDensity* density, const void* const* arrays) {
  *density = {D, W, sizeof(real), SCRATCH, arrays, both, force};
}
"""
SCRATCH = 1024

# `data`: the mean, then the precision by rows.
GAUSSIAN = """
  double value = 0;
  for (int64_t i = 0; i < D; ++i) {
    g[i] = 0;
    for (int64_t j = 0; j < D; ++j) g[i] -= data[D + i * D + j] * (z[j] - data[j]);
    value += 0.5 * g[i] * (z[i] - data[i]);
  }
  return value;
"""
# Neal's funnel with a standard deviation of 3, as `tests.workers.densities.funnel`.
FUNNEL = """
  double value = -z[0] * z[0] / 18 - 0.5 * (D - 1) * z[0];
  g[0] = -z[0] / 9 - 0.5 * (D - 1);
  const double precision = std::exp(-z[0]);
  for (int64_t i = 1; i < D; ++i) {
    value -= 0.5 * precision * z[i] * z[i];
    g[0] += 0.5 * precision * z[i] * z[i];
    g[i] = -precision * z[i];
  }
  return value;
"""
# Independent Student t with `data[0]` degrees of freedom.
STUDENT = """
  double value = 0;
  const double nu = data[0];
  for (int64_t i = 0; i < D; ++i) {
    value -= 0.5 * (nu + 1) * std::log1p(z[i] * z[i] / nu);
    g[i] = -(nu + 1) * z[i] / (nu + z[i] * z[i]);
  }
  return value;
"""
# A standard normal with a wall: not a number where z[0] > 1, infinite where z[0] < -1.
WALLS = """
  double value = 0;
  for (int64_t i = 0; i < D; ++i) {
    value -= 0.5 * z[i] * z[i];
    g[i] = -z[i];
  }
  if (z[0] > 1) value = g[0] = NAN;
  if (z[0] < -1) value = g[0] = INFINITY;
  return value;
"""
# Nothing pushes: z moves by the momentum alone.
FLAT = "for (int64_t i = 0; i < D; ++i) g[i] = 0; return 0;"


def described(
    source: str,
    names: dict[str, str],
    dim: int,
    cache_dir: Path,
    dtype: torch.dtype = torch.float64,
    data: Tensor | None = None,
) -> DensityHandle:
    """Return a density from a source that has a function `describe`, with its names filled in."""
    names = {"REAL": REALS[dtype], "DIM": str(dim), "SCRATCH": str(SCRATCH), **names}
    for name, text in names.items():
        source = source.replace(name, text)
    library = load(build(source, name="test", includes=[HEADER], cache_dir=cache_dir))
    kept = torch.zeros(1) if data is None else data.double().contiguous()
    arrays = (ctypes.c_void_p * 1)(kept.data_ptr())
    struct = (ctypes.c_int64 * 7)()
    library.describe.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.describe(struct, arrays)
    owner = (library, struct, arrays, kept)
    return DensityHandle(ctypes.addressof(struct), dim, int(struct[1]), dtype, owner=owner)


def compiled(
    body: str, dim: int, data: Tensor, cache_dir: Path, dtype: torch.dtype = torch.float64
) -> DensityHandle:
    """Return a density from the text of `point`, with its array of data."""
    return described(SOURCE, {"BODY": body}, dim, cache_dir, dtype, data)


def gaussian(
    covariance: Tensor,
    cache_dir: Path,
    dtype: torch.dtype = torch.float64,
    mean: Tensor | None = None,
) -> DensityHandle:
    """Return the normal density with a covariance, `D x D`, up to a constant."""
    dim = len(covariance)
    where = torch.zeros(dim, dtype=torch.float64) if mean is None else mean.double()
    precision = torch.linalg.inv(covariance.double())
    precision = (precision + precision.T) / 2
    return compiled(GAUSSIAN, dim, torch.cat([where, precision.flatten()]), cache_dir, dtype)
