// Log density and gradient of many points.
#pragma once

#include "rows.h"
#include "target.h"

extern "C" {

// Arrays of C rows; `z` and `gradient` are of the run's reals.
struct CredenceEvaluation {
  int64_t chains;       // C
  const void* z;        // C x D
  double* log_density;  // C
  void* gradient;       // C x D
};

}  // extern "C"

namespace credence {

template <class Real>
class Evaluation {
 public:
  Evaluation(const CredenceDensity& density, const CredenceEvaluation& io)
      : io_(io),
        target_(density, arena_),
        z_(arena_.take<Real>(density.dim * W<Real>)),
        gradient_(arena_.take<Real>(density.dim * W<Real>)) {}

  void run(int64_t block) {
    const Span chains = span<Real>(block, io_.chains);
    alignas(64) double log_density[W<Real>];
    load(static_cast<const Real*>(io_.z), chains, target_.dim(), z_);
    target_.both(z_, log_density, gradient_);
    store(gradient_, chains, chains.lanes(), target_.dim(), static_cast<Real*>(io_.gradient));
    std::memcpy(io_.log_density + chains.first, log_density, chains.count * sizeof(double));
  }

 private:
  CredenceEvaluation io_;
  Arena arena_;
  Target<Real> target_;
  Real* z_;
  Real* gradient_;
};

}  // namespace credence
