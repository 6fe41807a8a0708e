// The U-turn tests within a growing subtree: `kernels/turning.py` has them in words.
//
// A trajectory with momenta p at its ends and their sum rho goes on while p . rho > 0 at both ends
// (Betancourt, A conceptual introduction to Hamiltonian Monte Carlo, 2017, appendix A.4.2), tested
// for every subtree and across its halves (stan-dev/stan#2800). Of 2^k leaves only k are
// remembered; the binary digits of a leaf's number say which (Phan and Pradhan, iterative NUTS).
#pragma once

#include "arena.h"
#include "lanes.h"

namespace credence {

// Where the first leaf of the least open subtree is kept; larger ones are in the slots before it.
inline int64_t top_slot(int64_t leaf) { return __builtin_popcountll(leaf >> 1); }
// How many subtrees end at an odd leaf.
inline int64_t subtrees(int64_t leaf) { return __builtin_ctzll(leaf + 1); }

// One trajectory's checkpoints. Momenta are rows of `size` reals, a multiple of W.
template <class Real>
class Checkpoints {
 public:
  Checkpoints(int64_t slots, int64_t size, Arena& arena)
      : size_(size),
        begin_(arena.take<Real>(slots * size)),
        last_(arena.take<Real>(slots * size)),
        before_(arena.take<Real>(slots * size)) {}

  // Remembers an even leaf: its momentum, that of the leaf before it, the sum before it.
  void put(int64_t leaf, const Real* p, const Real* last, const Real* before) {
    const int64_t slot = top_slot(leaf) * size_;
    const Vector<Real> none = {};
    for (int64_t d = 0; d < size_ / W<Real>; ++d) {
      at(begin_ + slot, d) = at(p, d);
      at(last_ + slot, d) = at(last, d);
      at(before_ + slot, d) = leaf ? at(before, d) : none;
    }
  }

  // Whether no subtree that ends at an odd leaf turns; `sum` is that of all leaves' momenta so far.
  bool straight(int64_t leaf, const Real* p, const Real* sum) const {
    const int64_t top = top_slot(leaf), largest = top - subtrees(leaf) + 1;
    if (!pair(top * size_, p)) return false;
    for (int64_t slot = top - 1; slot >= largest; --slot)
      if (!halves(slot * size_, p, sum)) return false;
    return true;
  }

 private:
  // Two leaves.
  bool pair(int64_t slot, const Real* p) const {
    Vector<Real> ahead = {}, behind = {};
    for (int64_t d = 0; d < size_ / W<Real>; ++d) {
      const Vector<Real> begin = at(begin_ + slot, d), end = at(p, d);
      ahead += begin * (begin + end);
      behind += end * (begin + end);
    }
    return total<Real>(ahead) > 0 && total<Real>(behind) > 0;
  }

  // A subtree of four leaves or more: as a whole, its first half with one leaf of the second, and
  // its second half with one leaf of the first. The second half is the next slot's.
  bool halves(int64_t slot, const Real* p, const Real* sum) const {
    const int64_t second = slot + size_;
    Vector<Real> dots[6] = {};
    for (int64_t d = 0; d < size_ / W<Real>; ++d) {
      const Vector<Real> begin = at(begin_ + slot, d), end = at(p, d);
      const Vector<Real> middle = at(begin_ + second, d), last = at(last_ + second, d);
      const Vector<Real> before = at(before_ + slot, d), half = at(before_ + second, d);
      const Vector<Real> rho = at(sum, d) - before;
      const Vector<Real> first = half - before + middle, rest = at(sum, d) - half + last;
      dots[0] += begin * rho;
      dots[1] += end * rho;
      dots[2] += begin * first;
      dots[3] += middle * first;
      dots[4] += last * rest;
      dots[5] += end * rest;
    }
    bool all = true;
    for (const Vector<Real>& dot : dots) all &= total<Real>(dot) > 0;
    return all;
  }

  int64_t size_;
  Real* begin_;
  Real* last_;
  Real* before_;
};

}  // namespace credence
