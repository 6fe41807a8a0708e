// One step size for all chains, moved until their common acceptance is the target.
//
// `kernels/shared_step.py` has the same recurrences, constants and sources.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

extern "C" {

struct CredenceSharedStep {
  double log_step;     // of the next transition
  double log_average;  // what to use once adaptation is over
  double error;        // running error of the acceptance, target minus seen
  double mu;           // what log step sizes are drawn to
  int64_t count;       // updates so far
};

}  // extern "C"

namespace credence {

// Learns from a transition with this common acceptance.
inline void update(CredenceSharedStep& step, double acceptance, double target) {
  constexpr double T0 = 5, KAPPA = 0.75, GAMMA = 0.15;
  const double count = ++step.count;
  const double weight = 1 / (count + T0);
  step.error = (1 - weight) * step.error + weight * (target - acceptance);
  step.log_step = step.mu - std::sqrt(count) / GAMMA * step.error;
  const double share = std::pow(count, -KAPPA);
  step.log_average = share * step.log_step + (1 - share) * step.log_average;
}

// The harmonic mean of the chains' acceptances but for the least sixteenth. Sorts them.
inline double common(double* acceptance, int64_t chains) {
  constexpr int64_t DEAF = 16;
  constexpr double LEAST = 1e-3;
  std::sort(acceptance, acceptance + chains);
  const int64_t first = chains >= DEAF ? (chains + DEAF - 1) / DEAF : 0;
  double sum = 0;
  for (int64_t c = first; c < chains; ++c) sum += 1 / std::max(LEAST, acceptance[c]);
  return (chains - first) / sum;
}

}  // namespace credence
