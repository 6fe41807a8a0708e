// The metric: a linear map A from whitened coordinates, in which momenta are standard normal and
// the kinetic energy is half their squared norm, to positions; A A^T is the positions' covariance.
#pragma once

#include <cstdint>

#include "product.h"

extern "C" {

enum CredenceMetricKind : int64_t { DIAGONAL = 0, DENSE = 1, LOW_RANK = 2 };

// Arrays of the run's reals; what a kind does not name is not read.
struct CredenceMetric {
  int64_t kind;
  int64_t rank;         // R
  const void* scale;    // D: diagonal A = diag(scale)
  const void* root;     // D x D, zero above the diagonal: dense A = root
  const void* vectors;  // D x R, orthonormal: low rank A = diag(scale) (I + U diag(stretch) U^T)
  const void* stretch;  // R
};

}  // extern "C"

namespace credence {

template <class Real>
class Metric {
 public:
  // `room`: as many vectors as there are ranks.
  Metric(const CredenceMetric& metric, int64_t dim, Real* room)
      : kind_(CredenceMetricKind(metric.kind)),
        dim_(dim),
        scale_(static_cast<const Real*>(metric.scale)),
        stretch_(static_cast<const Real*>(metric.stretch)),
        root_{static_cast<const Real*>(metric.root), dim, dim},
        vectors_{static_cast<const Real*>(metric.vectors), dim, metric.rank},
        room_(room) {}

  // out = A p: from momentum to velocity. `p` and `out` are two arrays.
  __attribute__((noinline)) void push(const Real* p, Real* out) const {
    if (kind_ == DENSE) return multiply<true>(root_, p, out);
    if (kind_ == DIAGONAL) return scale(p, out);
    for (int64_t d = 0; d < dim_; ++d) at(out, d) = at(p, d);
    stretch(out);
    scale(out, out);
  }

  // out = A^T g: the gradient as the whitened momentum feels it. `g` and `out` are two arrays.
  __attribute__((noinline)) void pull(const Real* g, Real* out) const {
    if (kind_ == DENSE) return multiply_transposed<true>(root_, g, out);
    scale(g, out);
    if (kind_ == LOW_RANK) stretch(out);
  }

  // x <- A^-1 x: to whitened coordinates.
  __attribute__((noinline)) void whiten(Real* x) const {
    if (kind_ == DENSE) return solve<Real>(root_, x);
    for (int64_t d = 0; d < dim_; ++d) at(x, d) /= scale_[d];
    if (kind_ == LOW_RANK) stretch<true>(x);
  }

 private:
  void scale(const Real* x, Real* out) const {
    for (int64_t d = 0; d < dim_; ++d) at(out, d) = scale_[d] * at(x, d);
  }

  // x <- (I + U diag(stretch) U^T) x, or the inverse of that.
  template <bool back = false>
  void stretch(Real* x) const {
    const int64_t rank = vectors_.columns;
    multiply_transposed<false>(vectors_, x, room_);
    for (int64_t k = 0; k < rank; ++k)
      at(room_, k) *= back ? -stretch_[k] / (1 + stretch_[k]) : stretch_[k];
    for (int64_t d = 0; d < dim_; ++d) {
      Vector<Real> sum = at(x, d);
      for (int64_t k = 0; k < rank; ++k) sum += vectors_.elements[d * rank + k] * at(room_, k);
      at(x, d) = sum;
    }
  }

  CredenceMetricKind kind_;
  int64_t dim_;
  const Real* scale_;
  const Real* stretch_;
  Matrix<Real> root_;
  Matrix<Real> vectors_;
  Real* room_;
};

}  // namespace credence
