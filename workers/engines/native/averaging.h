// Dual averaging of every chain's step size: `kernels/dual_averaging.py` has the same recurrences.
//
// Hoffman and Gelman, The No-U-Turn Sampler (JMLR 15, 2014), section 3.2, with Stan's constants.
#pragma once

#include <cmath>
#include <cstdint>

extern "C" {

// C numbers each; all but `mu` in and out.
struct CredenceAveraging {
  double target;        // acceptance to reach
  double* log_step;     // of the next transition
  double* log_average;  // what to use once adaptation is over
  double* error;        // running error of the acceptance, target minus seen
  const double* mu;     // what log step sizes are drawn to
  int64_t* count;       // updates so far
};

}  // extern "C"

namespace credence {

constexpr double T0 = 10, KAPPA = 0.75, GAMMA = 0.05;

// Learns from a transition of one chain.
inline void update(const CredenceAveraging& state, int64_t chain, double acceptance) {
  const double count = ++state.count[chain];
  const double weight = 1 / (count + T0);
  double& error = state.error[chain];
  error = (1 - weight) * error + weight * (state.target - acceptance);
  const double log_step = state.mu[chain] - std::sqrt(count) / GAMMA * error;
  state.log_step[chain] = log_step;
  state.log_average[chain] += std::pow(count, -KAPPA) * (log_step - state.log_average[chain]);
}

}  // namespace credence
