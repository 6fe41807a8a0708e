// Random numbers: one stream per chain, so that what one chain draws moves no other.
#pragma once

#include <cmath>
#include <cstdint>

namespace credence {

// A sequence of well mixed words: Steele, Lea and Flood, Fast splittable generators (2014).
class Seeder {
 public:
  explicit Seeder(uint64_t state) : state_(state) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// The layers of Marsaglia and Tsang's ziggurat (2000) as Doornik has them (An improved ziggurat
// method, 2005): 128 strips of equal area under the normal density, the last with the tail.
struct Ziggurat {
  static constexpr int LAYERS = 128;
  static constexpr double TAIL = 3.442619855899;
  static constexpr double AREA = 9.91256303526217e-3;
  double edge[LAYERS + 1];
  double inner[LAYERS];  // the share of a strip that lies below the curve whatever the height

  Ziggurat() {
    double height = std::exp(-0.5 * TAIL * TAIL);
    edge[0] = AREA / height;
    edge[1] = TAIL;
    edge[LAYERS] = 0;
    for (int i = 2; i < LAYERS; ++i) {
      edge[i] = std::sqrt(-2 * std::log(AREA / edge[i - 1] + height));
      height = std::exp(-0.5 * edge[i] * edge[i]);
    }
    for (int i = 0; i < LAYERS; ++i) inner[i] = edge[i + 1] / edge[i];
  }
};
inline const Ziggurat ZIGGURAT;

// xoshiro256++ of Blackman and Vigna (2021): four words of state, not all zero.
class Stream {
 public:
  Stream() = default;
  explicit Stream(const uint64_t* state) : s_{state[0], state[1], state[2], state[3]} {}

  // Chain `chain` of the run with seed `seed`.
  Stream(uint64_t seed, uint64_t chain) {
    Seeder words(Seeder(seed).next() ^ (chain * 0xd1342543de82ef95));
    for (uint64_t& word : s_) word = words.next();
  }

  void save(uint64_t* state) const {
    for (int i = 0; i < 4; ++i) state[i] = s_[i];
  }

  uint64_t next() {
    const uint64_t result = rotated(s_[0] + s_[3], 23) + s_[0];
    const uint64_t shifted = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= shifted;
    s_[3] = rotated(s_[3], 45);
    return result;
  }

  bool coin() { return next() >> 63; }

  // In ]0, 1[.
  double uniform() { return open(next()); }

  double normal() {
    for (;;) {
      const uint64_t word = next();
      const double u = 2 * open(word) - 1;
      const int layer = word & (Ziggurat::LAYERS - 1);  // bits that `open` does not look at
      if (std::abs(u) < ZIGGURAT.inner[layer]) return u * ZIGGURAT.edge[layer];
      if (layer == 0) return std::copysign(tail(), u);
      const double x = u * ZIGGURAT.edge[layer];
      const double low = relative(x, ZIGGURAT.edge[layer]);
      const double high = relative(x, ZIGGURAT.edge[layer + 1]);
      if (high + uniform() * (low - high) < 1) return x;
    }
  }

 private:
  static uint64_t rotated(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  static double open(uint64_t word) { return (double(word >> 12) + 0.5) * 0x1p-52; }
  // The density at `edge` relative to that at `x`.
  static double relative(double x, double edge) { return std::exp(-0.5 * (edge * edge - x * x)); }

  // Beyond the last strip's edge: Marsaglia (1964).
  double tail() {
    double x, y;
    do {
      x = -std::log(uniform()) / Ziggurat::TAIL;
      y = -std::log(uniform());
    } while (2 * y < x * x);
    return Ziggurat::TAIL + x;
  }

  uint64_t s_[4];
};

}  // namespace credence
