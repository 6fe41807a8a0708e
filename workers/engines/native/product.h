// Products of a matrix, the same for all chains, with a block: D^2 multiply-adds per vector.
//
// Eight rows at a time, so that an element of the block is loaded once for eight of them and eight
// sums run side by side. Every product has one order of summation, whatever the lanes.
#pragma once

#include "lanes.h"

namespace credence {

// A matrix by rows, `rows x columns`.
template <class Real>
struct Matrix {
  const Real* elements;
  int64_t rows;
  int64_t columns;
};

// Elements first ... first + N of M x, from the columns before `end`.
template <int N, class Real>
inline void some_rows(const Matrix<Real>& m, const Real* x, int64_t first, int64_t end, Real* out) {
  Vector<Real> sums[N] = {};
  for (int64_t j = 0; j < end; ++j) {
    const Vector<Real> element = at(x, j);
    for (int r = 0; r < N; ++r) sums[r] += m.elements[(first + r) * m.columns + j] * element;
  }
  for (int r = 0; r < N; ++r) at(out, first + r) = sums[r];
}

// Elements first ... first + N of M^T x, from the rows after `begin`.
template <int N, class Real>
inline void some_columns(const Matrix<Real>& m, const Real* x, int64_t first, int64_t begin,
                         Real* out) {
  Vector<Real> sums[N] = {};
  for (int64_t i = begin; i < m.rows; ++i) {
    const Vector<Real> element = at(x, i);
    for (int r = 0; r < N; ++r) sums[r] += m.elements[i * m.columns + first + r] * element;
  }
  for (int r = 0; r < N; ++r) at(out, first + r) = sums[r];
}

// out = M x; of a lower triangular M only what is below or on the diagonal counts.
template <bool triangular, class Real>
inline void multiply(const Matrix<Real>& m, const Real* x, Real* out) {
  const auto end = [&](int64_t next) { return triangular ? next : m.columns; };
  int64_t i = 0;
  for (; i + 8 <= m.rows; i += 8) some_rows<8>(m, x, i, end(i + 8), out);
  for (; i + 2 <= m.rows; i += 2) some_rows<2>(m, x, i, end(i + 2), out);
  if (i < m.rows) some_rows<1>(m, x, i, end(i + 1), out);
}

// out = M^T x, likewise.
template <bool triangular, class Real>
inline void multiply_transposed(const Matrix<Real>& m, const Real* x, Real* out) {
  const auto begin = [](int64_t j) { return triangular ? j : 0; };
  int64_t j = 0;
  for (; j + 8 <= m.columns; j += 8) some_columns<8>(m, x, j, begin(j), out);
  for (; j + 2 <= m.columns; j += 2) some_columns<2>(m, x, j, begin(j), out);
  if (j < m.columns) some_columns<1>(m, x, j, begin(j), out);
}

// x <- M^-1 x for a lower triangular M, by rows from the first.
template <class Real>
inline void solve(const Matrix<Real>& m, Real* x) {
  for (int64_t i = 0; i < m.rows; ++i) {
    Vector<Real> rest = at(x, i);
    for (int64_t j = 0; j < i; ++j) rest -= m.elements[i * m.columns + j] * at(x, j);
    at(x, i) = rest / m.elements[i * m.columns + i];
  }
}

}  // namespace credence
