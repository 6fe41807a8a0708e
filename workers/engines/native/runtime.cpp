// The doors of the runtime: C functions that move the chains of one compiled density.
//
// Each returns 0, or why nothing was done. Blocks of chains are independent, so threads change
// how long a call takes and nothing else.

#include "crowd.h"
#include "evaluate.h"
#include "hmc.h"
#include "nuts.h"
#include "pool.h"

namespace {

enum Status : int { DONE = 0, MISFIT = 1, NO_MEMORY = 2 };

// Calls `run` with a number of the density's real type, and maps what goes wrong to a status.
template <class Run>
int with_reals(const CredenceDensity& density, const Run& run) {
  const int64_t fitting = density.real_bytes == 8 ? credence::W<double> : credence::W<float>;
  if (density.lanes != fitting) return MISFIT;
  try {
    if (density.real_bytes == 8) return run(double()), DONE;
    if (density.real_bytes == 4) return run(float()), DONE;
    return MISFIT;
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  }
}

template <class Real, class Runner, class... Io>
void spread(int64_t chains, int64_t threads, const Io&... io) {
  credence::Crew<Runner> crew(credence::blocks<Real>(chains), threads,
                              [&] { return std::make_unique<Runner>(io...); });
  crew.run();
}

}  // namespace

extern "C" {

// Log density and gradient of C points.
int credence_evaluate(const CredenceDensity* density, const CredenceEvaluation* io,
                      int64_t threads) {
  return with_reals(*density, [&](auto real) {
    typedef decltype(real) Real;
    spread<Real, credence::Evaluation<Real>>(io->chains, threads, *density, *io);
  });
}

// One transition of given length of every chain.
int credence_hmc(const CredenceDensity* density, const CredenceMetric* metric,
                 const CredenceHmc* io, int64_t threads) {
  return with_reals(*density, [&](auto real) {
    typedef decltype(real) Real;
    spread<Real, credence::Hmc<Real>>(io->chains, threads, *density, *metric, *io);
  });
}

// K transitions of every chain, in step; they learn from each.
int credence_crowd(const CredenceDensity* density, const CredenceMetric* metric,
                   const CredenceCrowd* io, int64_t threads) {
  return with_reals(*density, [&](auto real) {
    credence::Crowd<decltype(real)>(*density, *metric, *io, threads).run();
  });
}

// K transitions of NUTS of every chain.
int credence_nuts(const CredenceDensity* density, const CredenceMetric* metric,
                  const CredenceNuts* io, int64_t threads) {
  return with_reals(*density, [&](auto real) {
    typedef decltype(real) Real;
    spread<Real, credence::Nuts<Real>>(io->chains, threads, *density, *metric, *io);
  });
}

// The streams of chains `first` and on of a run: `count x 4` words.
void credence_seed(uint64_t seed, uint64_t first, int64_t count, uint64_t* streams) {
  for (int64_t n = 0; n < count; ++n) credence::Stream(seed, first + n).save(streams + 4 * n);
}

}  // extern "C"
