// The numbers of one chain's trajectory: how far it has grown and the draw from it.
//
// The draw is multinomial by the weights exp(gain) within a subtree, and biased towards the new
// subtree between that and the old trajectory: Betancourt (2017), appendix A.3.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "divergence.h"
#include "random.h"

namespace credence {

// What is known of a leaf that was drawn.
struct Leaf {
  double gain;
  double log_density;
};

class Tree {
 public:
  // Starts a trajectory at a point.
  void plant(double log_joint, double log_density) {
    *this = Tree();
    initial_ = log_joint;
    kept_ = {0, log_density};
  }

  // Starts a subtree, forward in time or backward; returns whether it grows at another end than
  // the last did.
  bool sprout(bool forward) {
    const bool turned = depth_ > 0 && forward != forward_;
    forward_ = forward;
    leaf_ = 0;
    part_ = 0;
    return turned;
  }

  // Adds a leaf to the subtree and returns whether it becomes the subtree's draw.
  bool add(double log_joint, double log_density, Stream& stream) {
    double gain = log_joint - initial_;
    if (!std::isfinite(gain)) gain = -INFINITY;
    divergent_ = gain < -DIVERGENCE;
    const double weight = weigh(gain);
    acceptance_ += offset_ == 0 ? std::min(weight, 1.0) : std::exp(std::min(gain, 0.0));
    part_ += weight;
    ++leapfrogs_;
    const bool chosen = (stream.uniform() * part_ < weight) | (leaf_ == 0);
    if (chosen) drawn_ = {gain, log_density};
    ++leaf_;
    return chosen;
  }

  // Joins the subtree, which is whole, and returns whether its draw becomes the trajectory's.
  bool join(Stream& stream) {
    const bool taken = stream.uniform() * whole_ < part_;
    if (taken) kept_ = drawn_;
    whole_ += part_;
    ++depth_;
    return taken;
  }

  bool full() const { return leaf_ == int64_t(1) << depth_; }
  bool forward() const { return forward_; }
  bool divergent() const { return divergent_; }
  int64_t depth() const { return depth_; }
  int64_t leaf() const { return leaf_; }  // leaves of the subtree
  int64_t leapfrogs() const { return leapfrogs_; }
  double acceptance() const { return acceptance_ / leapfrogs_; }
  double log_density() const { return kept_.log_density; }
  double energy() const { return -(initial_ + kept_.gain); }

 private:
  // exp(gain), as a share of exp(offset): the offset keeps clear of overflow, and is 0 as a rule.
  double weigh(double gain) {
    constexpr double high = 500;
    if (gain - offset_ > high) {
      const double shrink = std::exp(offset_ - gain);
      whole_ *= shrink;
      part_ *= shrink;
      offset_ = gain;
    }
    return std::exp(gain - offset_);
  }

  double initial_ = 0;  // log joint at the start
  double offset_ = 0;
  double whole_ = 1;  // the trajectory's weight
  double part_ = 0;   // the subtree's
  double acceptance_ = 0;
  Leaf kept_ = {0, 0};
  Leaf drawn_ = {0, 0};
  int64_t depth_ = 0;
  int64_t leaf_ = 0;
  int64_t leapfrogs_ = 0;
  bool forward_ = false;
  bool divergent_ = false;
};

}  // namespace credence
