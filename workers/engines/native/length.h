// The trajectory length, moved uphill on the expected change of the squared distance.
//
// `kernels/length.py` has the same ascent, its constants and its source.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "metric.h"
#include "motion.h"
#include "rows.h"

extern "C" {

struct CredenceLength {
  double log_length;   // of the next transition
  double log_average;  // what to use once adaptation is over
  double square;       // running mean square of the slope
  int64_t count;       // updates so far
};

}  // extern "C"

namespace credence {

// Learns from the slope of what is climbed with respect to log length.
inline void update(CredenceLength& length, double slope, double least, double most) {
  constexpr double RATE = 0.05, KEEP = 0.95, LARGEST = 0.35;
  if (!std::isfinite(slope)) return;
  const double count = ++length.count;
  length.square = KEEP * length.square + (1 - KEEP) * slope * slope;
  const double size = std::sqrt(length.square / (1 - std::pow(KEEP, count)));
  const double move = size > 0 ? RATE * slope / size : 0;
  const double next = length.log_length + std::min(LARGEST, std::max(-LARGEST, move));
  length.log_length = std::min(std::log(most), std::max(std::log(least), next));
  const double share = 1 / std::sqrt(count);
  length.log_average = share * length.log_length + (1 - share) * length.log_average;
}

// The trajectories of a transition, C x D of the run's reals each.
template <class Real>
struct Trajectories {
  const Real* start;
  const Real* end;
  const Real* momentum;  // at the end, whitened
  const double* acceptance;
};

// The slope with respect to log length, from the trajectories of all chains.
template <class Real>
class Slope {
 public:
  Slope(const CredenceMetric& metric, int64_t chains, int64_t dim)
      : chains_(chains),
        dim_(dim),
        metric_(metric, dim, arena_.take<Real>(metric.rank * W<Real>)),
        start_mean_(arena_.take<Real>(dim)),
        end_mean_(arena_.take<Real>(dim)),
        x_(arena_.take<Real>(dim * W<Real>)),
        y_(arena_.take<Real>(dim * W<Real>)),
        p_(arena_.take<Real>(dim * W<Real>)),
        weight_(chains),
        change_(chains),
        say_(chains),
        sizes_(chains) {}

  // `time`: how long the trajectories were.
  double operator()(const Trajectories<Real>& t, double time) {
    double total = 0;
    for (int64_t c = 0; c < chains_; ++c)
      total += weight_[c] = t.acceptance[c] > LEAST ? t.acceptance[c] : 0;
    means(t, total);
    for (int64_t block = 0; block < blocks<Real>(chains_); ++block) compare(t, block);
    const double bound = SAY * middle();
    double rise = 0, level = 0;
    for (int64_t c = 0; c < chains_; ++c) {
      rise += std::min(bound, std::max(-bound, say_[c]));
      level += weight_[c] * change_[c] * change_[c];
    }
    rise *= time / total;
    level *= 0.25 / total;
    return level > 0 ? rise / level - COST : 0;
  }

 private:
  static constexpr double COST = 0.25, LEAST = 1e-4, SAY = 30;

  // The mean start, and the mean end by weight.
  void means(const Trajectories<Real>& t, double total) {
    std::vector<double> starts(dim_), ends(dim_);
    for (int64_t c = 0; c < chains_; ++c) {
      for (int64_t d = 0; d < dim_; ++d) starts[d] += t.start[c * dim_ + d];
      if (weight_[c] == 0) continue;
      for (int64_t d = 0; d < dim_; ++d) ends[d] += weight_[c] * t.end[c * dim_ + d];
    }
    for (int64_t d = 0; d < dim_; ++d) {
      start_mean_[d] = Real(starts[d] / chains_);
      end_mean_[d] = Real(ends[d] / total);
    }
  }

  // How far a block's chains changed their distance, and what they say of it.
  void compare(const Trajectories<Real>& t, int64_t block) {
    const Span chains = span<Real>(block, chains_);
    whitened(t.start, chains, start_mean_, x_);
    whitened(t.end, chains, end_mean_, y_);
    load(t.momentum, chains, dim_, p_);
    double before[W<Real>], after[W<Real>], along[W<Real>];
    products(x_, x_, before);
    products(y_, y_, after);
    products(y_, p_, along);
    for (int64_t l = 0; l < chains.count; ++l) {
      const int64_t c = chains.first + l;
      const bool heard = weight_[c] > 0;
      change_[c] = heard ? after[l] - before[l] : 0;
      say_[c] = heard ? weight_[c] * change_[c] * along[l] : 0;
    }
  }

  void whitened(const Real* rows, const Span& chains, const Real* mean, Real* block) {
    load(rows, chains, dim_, block);
    for (int64_t d = 0; d < dim_; ++d) at(block, d) -= mean[d];
    metric_.whiten(block);
  }

  // The inner products of the lanes of two blocks, in double.
  void products(const Real* x, const Real* y, double* sums) const {
    for (int64_t l = 0; l < W<Real>; l += EIGHT) {
      Doubles sum = {};
      for (int64_t d = l; d < dim_ * W<Real>; d += W<Real>) sum += widened(x + d) * widened(y + d);
      std::memcpy(sums + l, &sum, sizeof sum);
    }
  }

  // The median size of what the chains say.
  double middle() {
    for (int64_t c = 0; c < chains_; ++c) sizes_[c] = std::abs(say_[c]);
    const auto half = sizes_.begin() + chains_ / 2;
    std::nth_element(sizes_.begin(), half, sizes_.end());
    if (chains_ % 2) return *half;
    return 0.5 * (*half + *std::max_element(sizes_.begin(), half));
  }

  int64_t chains_;
  int64_t dim_;
  Arena arena_;
  Metric<Real> metric_;
  Real* start_mean_;
  Real* end_mean_;
  Real* x_;
  Real* y_;
  Real* p_;
  std::vector<double> weight_, change_, say_, sizes_;
};

}  // namespace credence
