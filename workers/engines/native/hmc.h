// Transitions of a given number of leapfrogs: the kernel of HMC and of ChEES.
//
// Neal, MCMC using Hamiltonian dynamics (2011), section 5.3. Between two leapfrogs the half kicks
// meet at the same point and are made as one: the same map, up to rounding, and as reversible.
#pragma once

#include <algorithm>
#include <cmath>

#include "divergence.h"
#include "metric.h"
#include "motion.h"
#include "rows.h"
#include "target.h"

extern "C" {

// One transition of C chains. Matrices are C x D of the run's reals, the rest are C numbers.
struct CredenceHmc {
  int64_t chains;           // C
  void* z;                  // in and out: where the chains are
  double* log_density;      // in and out, there
  void* gradient;           // in and out, there
  const void* momentum;     // whitened: standard normal draws
  const double* step_size;  // of each chain
  const int64_t* leaps;     // at least 1
  const double* log_u;      // log of uniform numbers: accepted where below the gain
  double* acceptance;       // out: min(1, exp(gain)), 0 where the gain is not finite
  bool* divergent;          // out: the gain is below -1000 or not finite
  double* energy;           // out: minus the log joint of the point kept
  void* proposal;           // out, or null: the trajectory's end
  void* proposal_momentum;  // out, or null: the whitened momentum there
};

}  // extern "C"

namespace credence {

template <class Real>
class Hmc {
 public:
  // `io` is read at every run, and may have changed since the last.
  Hmc(const CredenceDensity& density, const CredenceMetric& metric, const CredenceHmc& io)
      : io_(io),
        dim_(density.dim),
        target_(density, arena_),
        metric_(metric, density.dim, arena_.take<Real>(metric.rank * W<Real>)),
        z_(arena_.take<Real>(dim_ * W<Real>)),
        p_(arena_.take<Real>(dim_ * W<Real>)),
        gradient_(arena_.take<Real>(dim_ * W<Real>)),
        along_(arena_.take<Real>(dim_ * W<Real>)) {}

  void run(int64_t block) {
    const Span chains = span<Real>(block, io_.chains);
    double initial[W<Real>];
    begin(chains, initial);
    integrate();
    finish(chains, initial);
  }

 private:
  // Fetches a block's chains and finds their log joint.
  void begin(const Span& chains, double* initial) {
    load(static_cast<const Real*>(io_.z), chains, dim_, z_);
    load(static_cast<const Real*>(io_.gradient), chains, dim_, gradient_);
    load(static_cast<const Real*>(io_.momentum), chains, dim_, p_);
    load_numbers(io_.step_size, chains, W<Real>, step_size_);
    load_numbers(io_.leaps, chains, W<Real>, leaps_);
    load_numbers(io_.log_density, chains, W<Real>, initial);
    longest_ = 1;
    for (int64_t l = 0; l < W<Real>; ++l) longest_ = std::max(longest_, leaps_[l]);
    subtract_kinetic(initial);
  }

  // From log densities to log joints.
  void subtract_kinetic(double* numbers) const {
    double energy[W<Real>];
    kinetic(p_, dim_, energy);
    for (int64_t l = 0; l < W<Real>; ++l) numbers[l] -= energy[l];
  }

  // Moves every lane by its leaps; the log density is that of the last point.
  void integrate() {
    kick(0);
    for (int64_t n = 1; n < longest_ && moving(n); ++n) {
      drift(n);
      target_.force(z_, gradient_);
      kick(n);
    }
    drift(longest_);
    target_.both(z_, log_density_, gradient_);
    kick(longest_);
  }

  // Whether a lane still moves before leap n. Looked at now and then: a lane with numbers that are
  // not finite is lost, whatever follows. The last leap moves nothing then.
  bool moving(int64_t n) {
    if (n % 8) return true;
    Bits open = 0;
    for (int64_t l = 0; l < W<Real>; ++l) open |= Bits(leaps_[l] >= n) << l;
    return open & finite(p_, dim_);
  }

  // z <- z + eps A p, leap n's, for the lanes that make it.
  void drift(int64_t n) {
    double steps[W<Real>];
    for (int64_t l = 0; l < W<Real>; ++l) steps[l] = n <= leaps_[l] ? step_size_[l] : 0;
    metric_.push(p_, along_);
    move(vector<Real>(steps), along_, dim_, z_);
  }

  // The kick after leap n: a half at either end of the trajectory, a whole one between two leaps.
  void kick(int64_t n) {
    double steps[W<Real>];
    for (int64_t l = 0; l < W<Real>; ++l) {
      const double share = n > leaps_[l] ? 0 : n == 0 || n == leaps_[l] ? 0.5 : 1;
      steps[l] = share * step_size_[l];
    }
    metric_.pull(gradient_, along_);
    move(vector<Real>(steps), along_, dim_, p_);
  }

  void finish(const Span& chains, const double* initial) {
    double joint[W<Real>];
    std::memcpy(joint, log_density_, sizeof joint);
    subtract_kinetic(joint);
    Bits accepted = 0;
    for (int64_t l = 0; l < chains.count; ++l)
      accepted |= Bits(judge(chains.first + l, initial[l], joint[l] - initial[l])) << l;
    for (int64_t l = 0; l < chains.count; ++l)
      if (has(accepted, l)) io_.log_density[chains.first + l] = log_density_[l];
    store(z_, chains, accepted, dim_, static_cast<Real*>(io_.z));
    store(gradient_, chains, accepted, dim_, static_cast<Real*>(io_.gradient));
    if (io_.proposal) store(z_, chains, chains.lanes(), dim_, static_cast<Real*>(io_.proposal));
    if (io_.proposal_momentum)
      store(p_, chains, chains.lanes(), dim_, static_cast<Real*>(io_.proposal_momentum));
  }

  // Notes one chain's numbers and returns whether its proposal is accepted.
  bool judge(int64_t chain, double initial, double gain) const {
    const bool finite = std::isfinite(gain);
    const bool accepted = finite && io_.log_u[chain] < gain;
    io_.acceptance[chain] = finite ? std::exp(std::min(gain, 0.0)) : 0;
    io_.divergent[chain] = !finite || gain < -DIVERGENCE;
    io_.energy[chain] = -(initial + (accepted ? gain : 0));
    return accepted;
  }

  const CredenceHmc& io_;
  Arena arena_;
  int64_t dim_;
  Target<Real> target_;
  Metric<Real> metric_;
  Real* z_;
  Real* p_;
  Real* gradient_;
  Real* along_;
  double step_size_[W<Real>];
  alignas(64) double log_density_[W<Real>];
  int64_t leaps_[W<Real>];
  int64_t longest_;
};

}  // namespace credence
