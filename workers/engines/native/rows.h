// Between the rows of a tensor, one chain each, and blocks, whose lanes are chains.
#pragma once

#include "lanes.h"

namespace credence {

// Which chains a block holds: those from `first` on. Lanes beyond the last chain repeat it.
struct Span {
  int64_t first;
  int64_t count;  // lanes that hold a chain of their own

  int64_t chain(int64_t lane) const { return first + (lane < count ? lane : count - 1); }
  Bits lanes() const { return (Bits(1) << count) - 1; }
};

template <class Real>
inline Span span(int64_t block, int64_t chains) {
  const int64_t first = block * W<Real>;
  return {first, chains - first < W<Real> ? chains - first : W<Real>};
}

template <class Real>
inline int64_t blocks(int64_t chains) {
  return (chains + W<Real> - 1) / W<Real>;
}

// W vectors of one tile: lane by lane, `width` elements of each row.
template <class Real>
inline void load_tile(const Real* const* rows, int64_t width, Vector<Real>* tile) {
  for (int64_t l = 0; l < W<Real>; ++l) {
    tile[l] = Vector<Real>{};
    if (width == W<Real>)
      std::memcpy(&tile[l], rows[l], sizeof tile[l]);
    else
      std::memcpy(&tile[l], rows[l], width * sizeof(Real));
  }
  transpose<Real>(tile);
}

// Fills a block, D x W, from the rows of a tensor, C x D.
template <class Real>
inline void load(const Real* tensor, const Span& span, int64_t dim, Real* block) {
  for (int64_t d = 0; d < dim; d += W<Real>) {
    const int64_t width = dim - d < W<Real> ? dim - d : W<Real>;
    const Real* rows[W<Real>];
    for (int64_t l = 0; l < W<Real>; ++l) rows[l] = tensor + span.chain(l) * dim + d;
    Vector<Real> tile[W<Real>];
    load_tile(rows, width, tile);
    for (int64_t k = 0; k < width; ++k) at(block, d + k) = tile[k];
  }
}

// Writes the lanes in `bits` of a block, D x W, to their rows of a tensor, C x D.
template <class Real>
inline void store(const Real* block, const Span& span, Bits bits, int64_t dim, Real* tensor) {
  for (int64_t d = 0; d < dim; d += W<Real>) {
    const int64_t width = dim - d < W<Real> ? dim - d : W<Real>;
    Vector<Real> tile[W<Real>] = {};
    for (int64_t k = 0; k < width; ++k) tile[k] = at(block, d + k);
    transpose<Real>(tile);
    for (int64_t l = 0; l < span.count; ++l)
      if (has(bits, l))
        std::memcpy(tensor + (span.first + l) * dim + d, &tile[l], width * sizeof(Real));
  }
}

// One lane of a block as a row of D elements.
template <class Real>
inline void store_lane(const Real* block, int64_t lane, int64_t dim, Real* row) {
  for (int64_t d = 0; d < dim; ++d) row[d] = block[d * W<Real> + lane];
}

// A block of `size` elements, a multiple of W, lane by lane: `W x size`.
template <class Real>
inline void lay_out(const Real* block, int64_t size, Real* lanes) {
  for (int64_t d = 0; d < size; d += W<Real>) {
    Vector<Real> tile[W<Real>];
    for (int64_t k = 0; k < W<Real>; ++k) tile[k] = at(block, d + k);
    transpose<Real>(tile);
    for (int64_t l = 0; l < W<Real>; ++l)
      std::memcpy(lanes + l * size + d, &tile[l], sizeof tile[l]);
  }
}

// Per-chain numbers of a block, padded like its rows.
template <class T>
inline void load_numbers(const T* numbers, const Span& span, int64_t lanes, T* out) {
  for (int64_t l = 0; l < lanes; ++l) out[l] = numbers[span.chain(l)];
}

}  // namespace credence
