// Points that lie one after another in memory, taken through functions of a block of lanes.
#pragma once

#include "vector.h"

// An index of data; a negative one counts from the end.
static inline int64_t wrapped(int64_t i, int64_t size) { return i < 0 ? i + size : i; }

static inline int64_t block_rows(int64_t count, int64_t first) {
  return count - first < W ? count - first : W;
}

// Element d of lane l from row first + l; lanes beyond the last row repeat it.
template <class T, class V>
static inline void gather_rows(const T* rows, int64_t count, int64_t first, int64_t width, V* block) {
  for (int lane = 0; lane < W; ++lane) {
    const T* row = rows + (first + lane < count ? first + lane : count - 1) * width;
    for (int64_t d = 0; d < width; ++d) block[d][lane] = row[d];
  }
}

template <class T, class V>
static inline void scatter_rows(T* rows, int64_t count, int64_t first, int64_t width, const V* block) {
  for (int lane = 0; lane < block_rows(count, first); ++lane)
    for (int64_t d = 0; d < width; ++d) rows[(first + lane) * width + d] = block[d][lane];
}

// Log densities, count, and gradients, count x D, at points, count x D.
template <class Both>
static inline void evaluate_rows(Both both, const void* const* arrays, int64_t dim, int64_t count,
                                 const real* z, double* log_density, real* gradient, char* scratch) {
  R* position = (R*)scratch;
  R* slope = position + dim;
  F* value = (F*)(slope + dim);
  for (int64_t first = 0; first < count; first += W) {
    gather_rows(z, count, first, dim, position);
    both(arrays, position, value, slope, value + 1);
    scatter_rows(log_density, count, first, 1, value);
    scatter_rows(gradient, count, first, dim, slope);
  }
}

// A function's one output, count x width, at points, count x D.
template <class Function>
static inline void map_rows(Function function, const void* const* arrays, int64_t dim,
                            int64_t width, int64_t count, const real* z, real* out, char* scratch) {
  R* position = (R*)scratch;
  R* values = position + dim;
  for (int64_t first = 0; first < count; first += W) {
    gather_rows(z, count, first, dim, position);
    function(arrays, position, values, values + width);
    scatter_rows(out, count, first, width, values);
  }
}
