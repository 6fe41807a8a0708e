// Where the lanes of a block are, laid out so that one masked copy takes a lane from here to there.
//
// `pull` is A^T g, kept beside the gradient so that neither is computed twice.
#pragma once

#include "arena.h"
#include "lanes.h"

namespace credence {

// An array of `size` vectors, zero at first.
template <class Real>
inline Real* room(Arena& arena, int64_t size) {
  return arena.zeros<Real>(size * W<Real>);
}

// The end of a trajectory: three arrays of D vectors, one after another.
template <class Real>
struct Edge {
  Real* z;
  Real* pull;
  Real* p;

  Edge(Arena& arena, int64_t dim)
      : z(room<Real>(arena, 3 * dim)), pull(z + dim * W<Real>), p(pull + dim * W<Real>) {}
};

// A point that was drawn.
template <class Real>
struct Draw {
  Real* gradient;
  Real* z;
  Real* pull;

  Draw(Arena& arena, int64_t dim)
      : gradient(room<Real>(arena, 3 * dim)),
        z(gradient + dim * W<Real>),
        pull(z + dim * W<Real>) {}
};

// Where the lanes are now: a draw and an edge that overlap. The momenta fill whole tiles.
template <class Real>
struct Now {
  Real* gradient;
  Real* z;
  Real* pull;
  Real* p;

  Now(Arena& arena, int64_t dim, int64_t size)
      : gradient(room<Real>(arena, 3 * dim + size)),
        z(gradient + dim * W<Real>),
        pull(z + dim * W<Real>),
        p(pull + dim * W<Real>) {}
};

// Takes the lanes in `bits` from one place to another.
template <class Real>
inline void take(Bits bits, const Now<Real>& from, const Edge<Real>& to, int64_t dim) {
  if (bits) blend(bits, from.z, to.z, 3 * dim);
}
template <class Real>
inline void take(Bits bits, const Edge<Real>& from, const Now<Real>& to, int64_t dim) {
  if (bits) blend(bits, from.z, to.z, 3 * dim);
}
template <class Real>
inline void take(Bits bits, const Now<Real>& from, const Draw<Real>& to, int64_t dim) {
  if (bits) blend(bits, from.gradient, to.gradient, 3 * dim);
}
template <class Real>
inline void take(Bits bits, const Draw<Real>& from, const Now<Real>& to, int64_t dim) {
  if (bits) blend(bits, from.gradient, to.gradient, 3 * dim);
}
template <class Real>
inline void take(Bits bits, const Draw<Real>& from, const Draw<Real>& to, int64_t dim) {
  if (bits) blend(bits, from.gradient, to.gradient, 3 * dim);
}

}  // namespace credence
