// Vectors whose lanes are chains: W doubles or W floats, one cache line either way.
//
// GCC's and clang's vector extensions: without AVX-512 the compiler splits a vector in halves.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace credence {

// Chains of one block.
template <class Real>
constexpr int64_t W = 64 / sizeof(Real);

// Lanes that are widened to double at a time: eight doubles are a vector again.
constexpr int64_t EIGHT = 8;

template <class Real>
struct Types;
template <>
struct Types<double> {
  typedef double Vector __attribute__((vector_size(64)));
  typedef double Stored __attribute__((vector_size(64), may_alias));
  typedef double Part __attribute__((vector_size(64)));
  typedef int64_t Mask __attribute__((vector_size(64)));
  typedef int64_t Element;
};
template <>
struct Types<float> {
  typedef float Vector __attribute__((vector_size(64)));
  typedef float Stored __attribute__((vector_size(64), may_alias));
  typedef float Part __attribute__((vector_size(32)));
  typedef int32_t Mask __attribute__((vector_size(64)));
  typedef int32_t Element;
};

template <class Real>
using Vector = typename Types<Real>::Vector;
template <class Real>
using Mask = typename Types<Real>::Mask;
typedef Types<double>::Vector Doubles;

// A set of lanes, one bit each.
typedef uint32_t Bits;

inline Bits bit(int64_t lane) { return Bits(1) << lane; }
inline bool has(Bits bits, int64_t lane) { return (bits >> lane) & 1; }

// What a block's element d holds.
template <class Real>
using Stored = typename Types<Real>::Stored;
template <class Real>
inline Stored<Real>& at(Real* block, int64_t d) {
  return reinterpret_cast<Stored<Real>*>(block)[d];
}
template <class Real>
inline const Stored<Real>& at(const Real* block, int64_t d) {
  return reinterpret_cast<const Stored<Real>*>(block)[d];
}

// Eight neighbouring lanes of an element, widened.
template <class Real>
inline Doubles widened(const Real* lanes) {
  typename Types<Real>::Part part;
  std::memcpy(&part, lanes, sizeof part);
  return __builtin_convertvector(part, Doubles);
}

// The lanes of a set as a mask of whole elements.
template <class Real>
inline Mask<Real> mask(Bits bits) {
  typedef typename Types<Real>::Element Element;
  Mask<Real> powers;
  for (int64_t l = 0; l < W<Real>; ++l) powers[l] = Element(1) << l;
  return (powers & Element(bits)) != 0;
}

// Copies `count` elements of the lanes in `bits`; the others stay.
template <class Real>
inline void blend(Bits bits, const Real* from, Real* to, int64_t count) {
  const Mask<Real> chosen = mask<Real>(bits);
  for (int64_t d = 0; d < count; ++d) at(to, d) = chosen ? at(from, d) : at(to, d);
}

// The sum over all lanes, in a fixed order.
template <class Real>
inline Real total(Vector<Real> x) {
  Real halves[W<Real>];
  std::memcpy(halves, &x, sizeof x);
  for (int64_t n = W<Real> / 2; n > 0; n /= 2)
    for (int64_t l = 0; l < n; ++l) halves[l] += halves[l + n];
  return halves[0];
}

template <class V, int... I>
inline V low_halves(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I / 2 + I % 2 * n)...);
}
template <class V, int... I>
inline V high_halves(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...);
}

// Transposes W vectors of W lanes in place: log2(W) perfect shuffles of their elements.
template <class Real>
inline void transpose(Vector<Real>* x) {
  constexpr int64_t n = W<Real>;
  constexpr auto lanes = std::make_integer_sequence<int, int(n)>();
  for (int64_t stage = 1; stage < n; stage *= 2) {
    Vector<Real> next[n];
    for (int64_t i = 0; i < n / 2; ++i) {
      next[2 * i] = low_halves(x[i], x[i + n / 2], lanes);
      next[2 * i + 1] = high_halves(x[i], x[i + n / 2], lanes);
    }
    std::memcpy(x, next, sizeof next);
  }
}

}  // namespace credence
