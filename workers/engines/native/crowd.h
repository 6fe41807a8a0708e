// Transitions of chains in step: each takes the same number of leapfrogs, and what one of them
// teaches, step size and trajectory length, all follow.
//
// `kernels/march.py` says what is done, and does it where there is no native code.
#pragma once

#include "hmc.h"
#include "length.h"
#include "pool.h"
#include "shared_step.h"

extern "C" {

// What moves from transition to transition while a crowd learns: in and out.
struct CredencePace {
  double target;     // the common acceptance to reach
  CredenceSharedStep step;
  CredenceLength length;
  double* refusals;  // C: of each chain, running
};

// K transitions of C chains. Matrices are of the run's reals.
struct CredenceCrowd {
  int64_t chains;        // C
  int64_t transitions;   // K
  int64_t first;         // the first one's number in the run, from 0
  int64_t longest;       // leapfrogs of a transition at the most
  void* z;               // in and out, C x D: where the chains are
  double* log_density;   // in and out, C
  void* gradient;        // in and out, C x D
  const void* momenta;   // K x C x D, whitened: standard normal draws
  const double* log_u;   // K x C: logs of uniform numbers
  double step_size;      // of every chain and transition, where nothing is learnt
  double length;         // of the longest trajectory, likewise
  CredencePace* pace;    // or null: nothing is learnt
  void* draws;           // out, C x K x D
  void* gradients;       // out, C x K x D, or null
  double* log_densities; // out, C x K, as what follows: of the draws
  double* acceptance;    // min(1, exp(gain))
  double* energy;        // minus the log joint of the draw
  bool* divergent;
  int64_t* leapfrogs;    // out, K: of every chain
};

}  // extern "C"

namespace credence {

// The van der Corput number of index n, in ]0, 1[: `kernels/halton.py`.
inline double halton(int64_t n) {
  constexpr int64_t BITS = 10;
  double value = 0, digit = 0.5;
  for (int64_t index = n % ((1 << BITS) - 1) + 1; index; index >>= 1, digit /= 2)
    value += digit * (index & 1);
  return value;
}

template <class Real>
class Crowd {
 public:
  Crowd(const CredenceDensity& density, const CredenceMetric& metric, const CredenceCrowd& io,
        int64_t threads)
      : io_(io),
        dim_(density.dim),
        size_(io.chains * density.dim),
        step_sizes_(io.chains),
        acceptance_(io.chains),
        energy_(io.chains),
        heard_(io.chains),
        leaps_(io.chains),
        divergent_(arena_.take<bool>(io.chains)),
        before_(arena_.take<Real>(size_)),
        end_(arena_.take<Real>(size_)),
        momentum_(arena_.take<Real>(size_)),
        slope_(metric, io.chains, density.dim),
        hmc_{io.chains, io.z, io.log_density, io.gradient, nullptr, step_sizes_.data(),
             leaps_.data(), nullptr, acceptance_.data(), divergent_, energy_.data(),
             io.pace ? end_ : nullptr, io.pace ? momentum_ : nullptr},
        crew_(blocks<Real>(io.chains), threads,
              [&] { return std::make_unique<Hmc<Real>>(density, metric, hmc_); }) {}

  void run() {
    for (int64_t k = 0; k < io_.transitions; ++k) {
      const double size = io_.pace ? std::exp(io_.pace->step.log_step) : io_.step_size;
      const int64_t leaps = choose(k, size);
      if (io_.pace) std::memcpy(before_, io_.z, size_ * sizeof(Real));
      hmc_.momentum = static_cast<const Real*>(io_.momenta) + k * size_;
      hmc_.log_u = io_.log_u + k * io_.chains;
      crew_.run();
      note(k);
      if (io_.pace) learn(leaps, size);
    }
  }

 private:
  // Sets every chain's step size and leapfrogs, and returns how many these are.
  int64_t choose(int64_t k, double size) {
    const double length = io_.pace ? std::exp(io_.pace->length.log_length) : io_.length;
    const double wanted = std::ceil(halton(io_.first + k) * length / size);
    const int64_t leaps = int64_t(std::max(1.0, std::min(double(io_.longest), wanted)));
    for (int64_t c = 0; c < io_.chains; ++c) {
      // A chain that is stuck tries ever smaller steps: it comes free while the others go on.
      const double halvings = io_.pace ? std::max(0.0, io_.pace->refusals[c] - PATIENCE) : 0;
      step_sizes_[c] = std::exp2(-halvings) * size;
      leaps_[c] = leaps;
    }
    io_.leapfrogs[k] = leaps;
    return leaps;
  }

  // Writes down transition k.
  void note(int64_t k) {
    for (int64_t c = 0; c < io_.chains; ++c) {
      const int64_t place = c * io_.transitions + k;
      io_.log_densities[place] = io_.log_density[c];
      io_.acceptance[place] = acceptance_[c];
      io_.energy[place] = energy_[c];
      io_.divergent[place] = divergent_[c];
    }
    copy(io_.z, k, io_.draws);
    if (io_.gradients) copy(io_.gradient, k, io_.gradients);
  }

  // Copies C x D to the places of transition k in C x K x D.
  void copy(const void* rows, int64_t k, void* all) const {
    for (int64_t c = 0; c < io_.chains; ++c)
      std::memcpy(static_cast<Real*>(all) + (c * io_.transitions + k) * dim_,
                  static_cast<const Real*>(rows) + c * dim_, dim_ * sizeof(Real));
  }

  void learn(int64_t leaps, double size) {
    CredencePace& pace = *io_.pace;
    const double slope = slope_({before_, end_, momentum_, acceptance_.data()}, leaps * size);
    update(pace.length, slope, size, io_.longest * size);
    for (int64_t c = 0; c < io_.chains; ++c)
      pace.refusals[c] = acceptance_[c] < REFUSED ? pace.refusals[c] + 1 : 0;
    heard_ = acceptance_;
    update(pace.step, common(heard_.data(), io_.chains), pace.target);
  }

  // As in `kernels/pace.py`.
  static constexpr double REFUSED = 0.1, PATIENCE = 2;

  const CredenceCrowd& io_;
  Arena arena_;
  int64_t dim_;
  int64_t size_;
  std::vector<double> step_sizes_, acceptance_, energy_, heard_;
  std::vector<int64_t> leaps_;
  bool* divergent_;
  Real* before_;
  Real* end_;
  Real* momentum_;
  Slope<Real> slope_;
  CredenceHmc hmc_;
  Crew<Hmc<Real>> crew_;
};

}  // namespace credence
