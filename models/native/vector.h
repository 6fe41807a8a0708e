// Numbers of a block of chains: one vector holds the same quantity of W chains, a lane each.
//
// GCC's and clang's vector extensions, so that the text says what is computed and the compiler
// picks the instructions. Elementary functions are glibc's vector library (at most 4 ulp) where
// it is there, and loops over the lanes where it is not. No option of fast math: NaN and infinity
// mean here what they mean in torch.
#pragma once

// Vectors as template arguments lose attributes that mean nothing there.
#pragma GCC diagnostic ignored "-Wignored-attributes"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>
#endif

#ifndef CREDENCE_REAL
#define CREDENCE_REAL double
#endif

using real = CREDENCE_REAL;
// W doubles fill one register of 512 bits, and so do W floats.
constexpr int W = 64 / sizeof(real);

typedef real R __attribute__((vector_size(W * sizeof(real))));
typedef double F __attribute__((vector_size(W * sizeof(double))));
typedef int64_t L __attribute__((vector_size(W * sizeof(int64_t))));
typedef int32_t I __attribute__((vector_size(W * sizeof(int32_t))));

template <class V> struct Traits;
template <> struct Traits<F> { using scalar = double; using mask = L; };
typedef float G __attribute__((vector_size(W * sizeof(float))));
template <> struct Traits<G> { using scalar = float; using mask = I; };
// The mask of the run's own vectors.
using M = Traits<R>::mask;

template <class V> using Mask = typename Traits<V>::mask;
template <class V> using Scalar = typename Traits<V>::scalar;

template <class V> static inline V splat(double x) { return V{} + static_cast<Scalar<V>>(x); }
template <class T, class V> static inline T cast(V x) { return __builtin_convertvector(x, T); }
template <class V> static inline V select(Mask<V> m, V yes, V no) { return m ? yes : no; }
// 1 where the mask is set, else 0.
template <class V> static inline V indicator(Mask<V> m) { return m ? splat<V>(1) : splat<V>(0); }

template <class V, class Function> static inline V lanes(V x, Function function) {
  V result;
  for (int lane = 0; lane < W; ++lane) result[lane] = function(x[lane]);
  return result;
}
template <class V, class Function> static inline V lanes(V x, V y, Function function) {
  V result;
  for (int lane = 0; lane < W; ++lane) result[lane] = function(x[lane], y[lane]);
  return result;
}

#if defined(__AVX512F__) && defined(CREDENCE_LIBMVEC)
// What one register holds, whatever the run's type.
typedef double D8 __attribute__((vector_size(64)));
typedef float S16 __attribute__((vector_size(64)));
#define CREDENCE_UNARY(name)                                                                      \
  extern "C" __attribute__((const)) D8 _ZGVeN8v_##name(D8);                                       \
  extern "C" __attribute__((const)) S16 _ZGVeN16v_##name##f(S16);                                 \
  static inline D8 native_##name(D8 x) { return _ZGVeN8v_##name(x); }                             \
  static inline S16 native_##name(S16 x) { return _ZGVeN16v_##name##f(x); }                       \
  template <class V> static inline V v##name(V x) {                                               \
    if constexpr (sizeof(V) == 64) {                                                              \
      using N = std::conditional_t<sizeof(Scalar<V>) == 8, D8, S16>;                              \
      return (V)native_##name((N)x);                                                              \
    } else {                                                                                      \
      D8 parts[2];                                                                                \
      std::memcpy(parts, &x, sizeof x);                                                           \
      parts[0] = native_##name(parts[0]);                                                         \
      parts[1] = native_##name(parts[1]);                                                         \
      std::memcpy(&x, parts, sizeof x);                                                           \
      return x;                                                                                   \
    }                                                                                             \
  }
#else
#define CREDENCE_UNARY(name)                                                                      \
  template <class V> static inline V v##name(V x) {                                               \
    return lanes(x, [](auto each) { return std::name(each); });                                   \
  }
#endif

CREDENCE_UNARY(exp)
CREDENCE_UNARY(log)
CREDENCE_UNARY(log1p)
CREDENCE_UNARY(expm1)
CREDENCE_UNARY(sin)
CREDENCE_UNARY(cos)
CREDENCE_UNARY(tan)
CREDENCE_UNARY(tanh)
CREDENCE_UNARY(sinh)
CREDENCE_UNARY(cosh)
CREDENCE_UNARY(atan)
CREDENCE_UNARY(asin)
CREDENCE_UNARY(acos)
CREDENCE_UNARY(erf)
CREDENCE_UNARY(erfc)
CREDENCE_UNARY(log2)
CREDENCE_UNARY(log10)

#define CREDENCE_LANEWISE(name, expression)                                                       \
  template <class V> static inline V v##name(V x) {                                               \
    return lanes(x, [](Scalar<V> each) -> Scalar<V> { return expression; });                      \
  }

CREDENCE_LANEWISE(sqrt, std::sqrt(each))
CREDENCE_LANEWISE(floor, std::floor(each))
CREDENCE_LANEWISE(ceil, std::ceil(each))
CREDENCE_LANEWISE(trunc, std::trunc(each))
CREDENCE_LANEWISE(round, std::nearbyint(each))

// All but the sign's bit. The compiler sees two of these as one, and what is made of them.
template <class V> static inline V vabs(V x) {
  using Bits = Mask<V>;
  using Bit = std::conditional_t<sizeof(Scalar<V>) == 8, uint64_t, uint32_t>;
  return (V)((Bits)x & (Bits{} + static_cast<decltype(Bits{}[0] + 0)>(~Bit{0} >> 1)));
}
template <class V> static inline V vpow(V x, V y) {
  return lanes(x, y, [](auto a, auto b) { return std::pow(a, b); });
}
template <class V> static inline V vatan2(V x, V y) {
  return lanes(x, y, [](auto a, auto b) { return std::atan2(a, b); });
}
template <class V> static inline V vfmod(V x, V y) {
  return lanes(x, y, [](auto a, auto b) { return std::fmod(a, b); });
}

// NaN in either operand is the answer, as in torch.
template <class V> static inline V vmax(V x, V y) { return ((x > y) | (x != x)) ? x : y; }
template <class V> static inline V vmin(V x, V y) { return ((x < y) | (x != x)) ? x : y; }
// Of NaN it is 0, as in torch.
template <class V> static inline V vsign(V x) {
  return indicator<V>(x > 0) - indicator<V>(x < 0);
}
template <class V> static inline V vsigmoid(V x) {
  const V e = vexp(-vabs(x));
  const V share = splat<V>(1) / (splat<V>(1) + e);
  return x >= 0 ? share : (x != x ? x : e * share);
}
template <class V> static inline V vsoftplus(V x) {
  return vmax(x, splat<V>(0)) + vlog1p(vexp(-vabs(x)));
}
template <class V> static inline V vlogsigmoid(V x) {
  return vmin(x, splat<V>(0)) - vlog1p(vexp(-vabs(x)));
}
template <class V> static inline V vlogaddexp(V x, V y) {
  const V top = vmax(x, y), gap = vabs(x - y);
  // Equal infinities have no gap; their sum is theirs.
  return (x == y) ? top + splat<V>(0.6931471805599453) : top + vlog1p(vexp(-gap));
}
template <class V> static inline V vxlogy(V x, V y) {
  return ((x == 0) & (y == y)) ? splat<V>(0) : x * vlog(y);
}

// log Gamma and its derivative for positive numbers: eight steps up, then Stirling's series
// (Abramowitz and Stegun 6.1.41, 6.3.18). Any other number is done alone, so that a lane's result
// does not depend on its neighbours.
template <class V, class Series, class Alone>
static inline V by_series(V x, Series series, Alone alone) {
  const auto inside = (x > (Scalar<V>)1e-30) & (x < (Scalar<V>)1e15);
  V result = cast<V>(series(cast<F>(inside ? x : splat<V>(1))));
  for (int lane = 0; lane < W; ++lane)
    if (!inside[lane]) result[lane] = (Scalar<V>)alone(x[lane]);
  return result;
}
static inline double scalar_lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}
static inline double scalar_digamma(double x) {
  if (x == 0) return std::copysign(INFINITY, -x);
  double shift = 0;
  if (x < 0) {
    if (x == std::floor(x)) return NAN;
    shift = -M_PI / std::tan(M_PI * x);
    x = 1 - x;
  }
  while (x < 10) {
    shift -= 1 / x;
    x += 1;
  }
  if (x > 1e17) return std::log(x) + shift;
  const double z = 1 / (x * x);
  const double series =
      z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132 -
      z * (691. / 32760 - z * (1. / 12)))))));
  return shift + std::log(x) - 0.5 / x - series;
}
static inline F stirling_lgamma(F x) {
  F product = x;
  for (int k = 1; k < 8; ++k) product *= x + (double)k;
  const F y = x + 8.0, z = 1.0 / (y * y);
  const F series = (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 -
      z * (1.0 / 1188 - z * (691.0 / 360360 - z * (1.0 / 156))))))) / y;
  return (y - 0.5) * vlog(y) - y + 0.9189385332046727 + series - vlog(product);
}
static inline F stirling_digamma(F x) {
  F sum = F{};
  for (int k = 0; k < 8; ++k) sum += 1.0 / (x + (double)k);
  const F y = x + 8.0, z = 1.0 / (y * y);
  const F series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 -
      z * (1.0 / 132 - z * (691.0 / 32760 - z * (1.0 / 12)))))));
  return vlog(y) - 0.5 / y - series - sum;
}
template <class V> static inline V vlgamma(V x) {
  return by_series(x, stirling_lgamma, scalar_lgamma);
}
template <class V> static inline V vdigamma(V x) {
  return by_series(x, stirling_digamma, scalar_digamma);
}

// exp(x^2) erfc(x): by its continued fraction's series far out (Abramowitz and Stegun 7.1.23).
static inline double scalar_erfcx(double x) {
  if (x < 25) return x < -26.7 ? INFINITY : std::exp(x * x) * std::erfc(x);
  const double z = 1 / (2 * x * x);
  return (1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)))) / (x * 1.7724538509055159);
}
// exp(-|x|) I_order(x): the library's near 0, Hankel's expansion far out (9.7.1).
static inline double scalar_bessel(int order, double x) {
  const double size = std::abs(x), sign = (order == 1 && x < 0) ? -1 : 1;
  if (!(size >= 30)) return sign * std::exp(-size) * std::cyl_bessel_i((double)order, size);
  double term = 1, sum = 1;
  for (int k = 1; k < 16; ++k) {
    term *= -(4.0 * order * order - (2 * k - 1) * (2 * k - 1)) / (k * 8 * size);
    sum += term;
  }
  return sign * sum / std::sqrt(2 * M_PI * size);
}
// Giles, Approximating the erfinv function (2010), and two steps of Newton's method on the tail.
static inline double scalar_erfinv(double x) {
  const double size = std::abs(x);
  if (!(size < 1)) return size == 1 ? std::copysign(INFINITY, x) : NAN;
  double w = -std::log1p(-x * x), p;
  if (w < 5) {
    w -= 2.5;
    p = 2.81022636e-08;
    for (double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                     -0.00417768164, 0.246640727, 1.50140941})
      p = c + p * w;
  } else {
    w = std::sqrt(w) - 3;
    p = -0.000200214257;
    for (double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
                     0.00943887047, 1.00167406, 2.83297682})
      p = c + p * w;
  }
  double y = p * size;
  for (int step = 0; step < 2; ++step) {
    const double miss = size < 0.5 ? size - std::erf(y) : std::erfc(y) - (1 - size);
    y += miss * std::exp(y * y) * 0.886226925452758;
  }
  return std::copysign(y, x);
}
CREDENCE_LANEWISE(erfcx, (Scalar<V>)scalar_erfcx(each))
CREDENCE_LANEWISE(i0e, (Scalar<V>)scalar_bessel(0, each))
CREDENCE_LANEWISE(i1e, (Scalar<V>)scalar_bessel(1, each))
CREDENCE_LANEWISE(erfinv, (Scalar<V>)scalar_erfinv(each))

// Numbers in bfloat16, two of one lane side by side in 32 bits, and their products. Where the
// processor does them at once it takes numbers below the normal ones as zeros.
template <class V> using Pairs = Mask<V>;

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
// To the nearest bfloat16, ties to even, and back.
template <class V> static inline V vbfloat(V x) {
  return (V)_mm512_slli_epi32(
      _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)x)), 16);
}
template <class V> static inline Pairs<V> vpairs(V first, V second) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i apart = (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
  return (Pairs<V>)_mm512_permutexvar_epi16(order, apart);
}
// The total and both products of a pair with a pair of data.
template <class V> static inline V vdot(V total, Pairs<V> pairs, int32_t data) {
  return (V)_mm512_dpbf16_ps((__m512)total, (__m512bh)pairs, (__m512bh)_mm512_set1_epi32(data));
}
#else
// To the nearest bfloat16, ties to even, and back.
template <class V> static inline V vbfloat(V x) {
  typedef uint32_t U __attribute__((vector_size(W * sizeof(uint32_t))));
  U bits = (U)x;
  bits += 0x7fffu + ((bits >> 16) & 1u);
  const V rounded = (V)(bits & 0xffff0000u);
  return x != x ? x : rounded;
}
template <class V> static inline Pairs<V> vpairs(V first, V second) {
  return (((Pairs<V>)vbfloat(first) >> 16) & 0xffff) | ((Pairs<V>)vbfloat(second) & -0x10000);
}
// The total and both products of a pair with a pair of data.
template <class V> static inline V vdot(V total, Pairs<V> pairs, int32_t data) {
  const int32_t parts[2] = {int32_t(uint32_t(data) << 16), data & -0x10000};
  float numbers[2];
  std::memcpy(numbers, parts, sizeof parts);
  return total + (V)(pairs & -0x10000) * numbers[1] + (V)(pairs << 16) * numbers[0];
}
#endif
