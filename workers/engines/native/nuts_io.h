// What a call of NUTS takes and gives.
#pragma once

#include <cstdint>

#include "averaging.h"

extern "C" {

// K transitions of C chains. Matrices are of the run's reals.
struct CredenceNuts {
  int64_t chains;                      // C
  int64_t transitions;                 // K
  int64_t max_depth;                   // doublings of one trajectory at the most
  void* z;                             // in and out, C x D: where the chains are
  double* log_density;                 // in and out, C
  void* gradient;                      // in and out, C x D
  uint64_t* streams;                   // in and out, C x 4: randomness
  const double* step_size;             // C; not read where there is averaging
  const CredenceAveraging* averaging;  // in and out, or null: step sizes are fixed
  void* draws;                         // out, C x K x D
  double* log_densities;               // out, C x K, as what follows: of the draws
  double* acceptance;                  // mean of min(1, exp(gain)) over the leaves
  double* energy;                      // minus the log joint of the draw
  int64_t* tree_depth;                 // doublings completed
  int64_t* leapfrogs;
  bool* divergent;
};

}  // extern "C"
