// A compiled density as the runtime calls it: typed, with a workspace of its own.
#pragma once

#include "arena.h"
#include "density.h"

namespace credence {

template <class Real>
class Target {
 public:
  Target(const CredenceDensity& density, Arena& arena)
      : density_(density), scratch_(arena.take<char>(density.scratch_bytes)) {}

  int64_t dim() const { return density_.dim; }
  // Log density, double[W], and gradient of a block.
  void both(const Real* z, double* log_density, Real* gradient) const {
    density_.both(density_.arrays, z, log_density, gradient, scratch_);
  }
  // The gradient alone.
  void force(const Real* z, Real* gradient) const {
    density_.force(density_.arrays, z, gradient, scratch_);
  }

 private:
  const CredenceDensity& density_;
  char* scratch_;
};

}  // namespace credence
