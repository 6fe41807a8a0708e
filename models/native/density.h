// One model's compiled density: the seam between generated code and the runtime that moves chains.
//
// Chains are the SIMD lanes. A block is W chains side by side: element d of lane l lies at
// [d * W + l], so that every number of the model is one vector of W reals. Lanes never mix: what
// one chain does, non-finite numbers included, changes no other chain. Pointers to blocks and
// scratch are aligned to 64 bytes; the lanes of a block may be any points, repeated ones included.
#pragma once

#include <cstdint>

extern "C" {

// Log density, double[W], and gradient, real[D * W], at z, real[D * W].
typedef void (*CredenceBoth)(const void* const* arrays, const void* z, double* log_density,
                             void* gradient, void* scratch);

// The gradient alone, bit for bit as CredenceBoth gives it: for a leapfrog in mid-trajectory.
typedef void (*CredenceForce)(const void* const* arrays, const void* z, void* gradient,
                              void* scratch);

struct CredenceDensity {
  int64_t dim;                // D
  int64_t lanes;              // W: 8 for double, 16 for float
  int64_t real_bytes;         // 8 or 4: the type `real` of positions and gradients
  int64_t scratch_bytes;      // workspace that a call needs, one per thread
  const void* const* arrays;  // the bound data, passed on to both functions
  CredenceBoth both;
  CredenceForce force;
};

}  // extern "C"
