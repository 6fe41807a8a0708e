// When a trajectory counts as lost.
#pragma once

namespace credence {

// An energy error beyond this is a divergence: Stan's `max_deltaH`, as in `kernels/ledger.py`.
constexpr double DIVERGENCE = 1000;

}  // namespace credence
