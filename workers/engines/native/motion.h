// Hamiltonian motion of a block: kicks, drifts and the kinetic energy.
//
// With the metric's A and the whitened momentum p a leapfrog is
//   p <- p + eps/2 A^T g(z);   z <- z + eps A p;   p <- p + eps/2 A^T g(z),
// as `kernels/leapfrog.py` has it (Neal, MCMC using Hamiltonian dynamics, 2011, section 5.2.3).
// Step sizes are one per lane; a lane with step zero and finite numbers does not move.
#pragma once

#include "lanes.h"

namespace credence {

// x += step * direction, D elements.
template <class Real>
inline void move(Vector<Real> step, const Real* direction, int64_t dim, Real* x) {
  for (int64_t d = 0; d < dim; ++d) at(x, d) += step * at(direction, d);
}

// A number per lane as the run's reals.
template <class Real>
inline Vector<Real> vector(const double* numbers) {
  Vector<Real> result;
  for (int64_t l = 0; l < W<Real>; ++l) result[l] = Real(numbers[l]);
  return result;
}

// Half the squared norm of every lane's momentum, in double whatever the reals.
template <class Real>
__attribute__((noinline)) void kinetic(const Real* p, int64_t dim, double* energy) {
  for (int64_t l = 0; l < W<Real>; l += EIGHT) {
    Doubles even = {}, odd = {};
    int64_t d = 0;
    for (; d + 2 <= dim; d += 2) {
      const Doubles a = widened(p + d * W<Real> + l), b = widened(p + (d + 1) * W<Real> + l);
      even += a * a;
      odd += b * b;
    }
    if (d < dim) {
      const Doubles a = widened(p + d * W<Real> + l);
      even += a * a;
    }
    const Doubles half = 0.5 * (even + odd);
    std::memcpy(energy + l, &half, sizeof half);
  }
}

// Which lanes have finite numbers alone.
template <class Real>
inline Bits finite(const Real* x, int64_t dim) {
  Vector<Real> zero = {};
  for (int64_t d = 0; d < dim; ++d) zero += at(x, d) * Real(0);
  Bits bits = 0;
  for (int64_t l = 0; l < W<Real>; ++l) bits |= Bits(zero[l] == 0) << l;
  return bits;
}

}  // namespace credence
