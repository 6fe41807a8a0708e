// The No-U-Turn sampler, K transitions of every chain, as a machine whose lanes do not wait.
//
// The transition is that of `kernels/trajectory.py` (Hoffman and Gelman, JMLR 15, 2014;
// multinomial draw and generalised criterion of Betancourt, 2017), unrolled into steps: every step
// moves every lane by one leapfrog, each in a tree of its own, and a lane whose tree has ended
// starts its next transition at once (Dance et al., arXiv 2503.17405). Between steps the lanes are
// sorted into sets by what has become of them, and each set is served by masked copies.
#pragma once

#include "metric.h"
#include "motion.h"
#include "nuts_io.h"
#include "places.h"
#include "rows.h"
#include "target.h"
#include "tree.h"
#include "turning.h"

namespace credence {

template <class Real>
class Nuts {
 public:
  Nuts(const CredenceDensity& density, const CredenceMetric& metric, const CredenceNuts& io)
      : io_(io),
        dim_(density.dim),
        size_((dim_ + W<Real> - 1) / W<Real> * W<Real>),
        target_(density, arena_),
        metric_(metric, dim_, room<Real>(arena_, metric.rank)),
        now_(arena_, dim_, size_),
        left_(arena_, dim_),
        right_(arena_, dim_),
        drawn_(arena_, dim_),
        kept_(arena_, dim_) {
    for (Real** array : {&along_, &part_, &whole_, &first_, &zero_, &momenta_[0], &momenta_[1],
                         &sums_[0], &sums_[1]})
      *array = room<Real>(arena_, size_);
    for (int64_t l = 0; l < W<Real>; ++l)
      checkpoints_.emplace_back(std::max<int64_t>(io.max_depth, 1), size_, arena_);
  }

  void run(int64_t block) {
    enter(span<Real>(block, io_.chains));
    while (running_) {
      leap();
      visit();
    }
    leave();
  }

 private:
  // What has become of the lanes at a leaf.
  struct Sorted {
    Bits first = 0;   // it is the first of its subtree
    Bits chosen = 0;  // it is the subtree's draw so far
    Bits whole = 0;   // it completes the subtree
    Bits broken = 0;  // it ends the trajectory: divergent, or a subtree turns
  };

  void enter(const Span& chains) {
    chains_ = chains;
    load(static_cast<const Real*>(io_.z), chains, dim_, kept_.z);
    load(static_cast<const Real*>(io_.gradient), chains, dim_, kept_.gradient);
    load_numbers(io_.log_density, chains, W<Real>, log_density_);
    metric_.pull(kept_.gradient, kept_.pull);
    for (int64_t l = 0; l < W<Real>; ++l) {
      streams_[l] = Stream(io_.streams + 4 * chains.chain(l));
      tree_[l].plant(0, log_density_[l]);
      made_[l] = 0;
    }
    running_ = io_.transitions > 0 ? chains.lanes() : 0;
    rest(~running_);
    plant(running_);
  }

  // Gives back where the chains are.
  void leave() {
    store(kept_.z, chains_, chains_.lanes(), dim_, static_cast<Real*>(io_.z));
    store(kept_.gradient, chains_, chains_.lanes(), dim_, static_cast<Real*>(io_.gradient));
    for (int64_t l = 0; l < chains_.count; ++l) {
      io_.log_density[chains_.first + l] = tree_[l].log_density();
      streams_[l].save(io_.streams + 4 * (chains_.first + l));
    }
  }

  // Lanes that have nothing left to do stand still at a good point.
  void rest(Bits bits) {
    take(bits, kept_, now_, dim_);
    blend(bits, zero_, now_.p, dim_);
    for (int64_t l = 0; l < W<Real>; ++l)
      if (has(bits, l)) step_[l] = 0;
  }

  // Starts a transition from the draw of the last.
  void plant(Bits bits) {
    if (!bits) return;
    for (int64_t l = 0; l < W<Real>; ++l)
      if (has(bits, l))
        for (int64_t d = 0; d < dim_; ++d) now_.p[d * W<Real> + l] = streams_[l].normal();
    take(bits, kept_, now_, dim_);
    take(bits, now_, left_, dim_);
    take(bits, now_, right_, dim_);
    blend(bits, now_.p, whole_, dim_);
    double energy[W<Real>];
    kinetic(now_.p, dim_, energy);
    for (int64_t l = 0; l < W<Real>; ++l) {
      if (!has(bits, l)) continue;
      const double log_density = tree_[l].log_density();
      tree_[l].plant(log_density - energy[l], log_density);
    }
    sprout(bits);
  }

  // Starts a subtree at the left or the right end of the trajectory.
  void sprout(Bits bits) {
    Bits to_right = 0, to_left = 0;
    for (int64_t l = 0; l < W<Real>; ++l) {
      if (!has(bits, l)) continue;
      const bool turned = tree_[l].sprout(streams_[l].coin()), forward = tree_[l].forward();
      step_[l] = forward ? step_size(l) : -step_size(l);
      if (turned) (forward ? to_right : to_left) |= bit(l);
    }
    take(to_right, right_, now_, dim_);
    take(to_left, left_, now_, dim_);
    blend(bits, zero_, part_, dim_);
  }

  double step_size(int64_t lane) const {
    const int64_t chain = chains_.first + lane;
    return io_.averaging ? std::exp(io_.averaging->log_step[chain]) : io_.step_size[chain];
  }

  // Moves every lane by one leapfrog.
  void leap() {
    const Vector<Real> full = vector<Real>(step_), half = full * Real(0.5);
    move(half, now_.pull, dim_, now_.p);
    metric_.push(now_.p, along_);
    move(full, along_, dim_, now_.z);
    target_.both(now_.z, log_density_, now_.gradient);
    metric_.pull(now_.gradient, now_.pull);
    move(half, now_.pull, dim_, now_.p);
    for (int64_t d = 0; d < dim_; ++d) at(part_, d) += at(now_.p, d);
  }

  void visit() {
    const Sorted lanes = sorted();
    take(lanes.chosen, now_, drawn_, dim_);
    if (lanes.first) blend(lanes.first, now_.p, first_, dim_);
    Bits ended = lanes.broken;
    if (lanes.whole) {
      const Bits onward = join(lanes.whole);
      ended |= lanes.whole & ~onward;
      if (onward) sprout(onward);
    }
    if (ended) finish(ended);
  }

  // Adds the leaf where every lane is to its subtree.
  Sorted sorted() {
    std::swap(momenta_[0], momenta_[1]);
    std::swap(sums_[0], sums_[1]);
    lay_out(now_.p, size_, momenta_[0]);
    lay_out(part_, size_, sums_[0]);
    double energy[W<Real>];
    kinetic(now_.p, dim_, energy);
    Sorted lanes;
    for (int64_t l = 0; l < chains_.count; ++l)
      if (has(running_, l)) sort(l, log_density_[l] - energy[l], lanes);
    return lanes;
  }

  void sort(int64_t lane, double log_joint, Sorted& lanes) {
    Tree& tree = tree_[lane];
    const int64_t leaf = tree.leaf();
    if (leaf == 0) lanes.first |= bit(lane);
    if (tree.add(log_joint, log_density_[lane], streams_[lane])) lanes.chosen |= bit(lane);
    if (tree.divergent() || !straight(lane, leaf))
      lanes.broken |= bit(lane);
    else if (tree.full())
      lanes.whole |= bit(lane);
  }

  // Remembers an even leaf; tests the subtrees that end at an odd one.
  bool straight(int64_t lane, int64_t leaf) {
    const int64_t row = lane * size_;
    if (leaf % 2) return checkpoints_[lane].straight(leaf, momenta_[0] + row, sums_[0] + row);
    checkpoints_[lane].put(leaf, momenta_[0] + row, momenta_[1] + row, sums_[1] + row);
    return true;
  }

  // Joins whole subtrees to their trajectories; returns the lanes whose trajectories go on.
  Bits join(Bits bits) {
    Bits taken = 0, forward = 0, onward = 0;
    for (int64_t l = 0; l < W<Real>; ++l) {
      if (!has(bits, l)) continue;
      if (tree_[l].join(streams_[l])) taken |= bit(l);
      if (tree_[l].forward()) forward |= bit(l);
      if (tree_[l].depth() < io_.max_depth) onward |= bit(l);
    }
    if (onward) onward &= straight_joints(forward);
    take(taken, drawn_, kept_, dim_);
    take(forward, now_, right_, dim_);
    take(bits & ~forward, now_, left_, dim_);
    const Mask<Real> joined = mask<Real>(bits);
    for (int64_t d = 0; d < dim_; ++d) at(whole_, d) += joined ? at(part_, d) : Vector<Real>{};
    return onward;
  }

  // The lanes whose joined trajectory does not turn: as a whole, and across the joint. `near` is
  // the end that has grown, before it did; `far` the other.
  Bits straight_joints(Bits forward) const {
    const Mask<Real> ahead = mask<Real>(forward);
    Vector<Real> dots[6] = {};
    for (int64_t d = 0; d < dim_; ++d) {
      const Vector<Real> left = at(left_.p, d), right = at(right_.p, d);
      const Vector<Real> near = ahead ? right : left, far = ahead ? left : right;
      const Vector<Real> begin = at(first_, d), end = at(now_.p, d);
      const Vector<Real> all = at(whole_, d) + at(part_, d), one_more = at(whole_, d) + begin;
      const Vector<Real> and_near = at(part_, d) + near;
      dots[0] += far * all;
      dots[1] += end * all;
      dots[2] += far * one_more;
      dots[3] += begin * one_more;
      dots[4] += near * and_near;
      dots[5] += end * and_near;
    }
    Bits bits = 0;
    for (int64_t l = 0; l < W<Real>; ++l) {
      bool all = true;
      for (const Vector<Real>& dot : dots) all &= dot[l] > 0;
      if (all) bits |= bit(l);
    }
    return bits;
  }

  // Gives out the draws of trajectories that have ended, and starts the next transitions.
  void finish(Bits bits) {
    Bits done = 0;
    for (int64_t l = 0; l < W<Real>; ++l) {
      if (!has(bits, l)) continue;
      note(l);
      if (++made_[l] == io_.transitions) done |= bit(l);
    }
    running_ &= ~done;
    if (done) rest(done);
    plant(bits & ~done);
  }

  // Writes a transition's results, and learns from it.
  void note(int64_t lane) {
    const Tree& tree = tree_[lane];
    const int64_t chain = chains_.first + lane, row = chain * io_.transitions + made_[lane];
    store_lane(kept_.z, lane, dim_, static_cast<Real*>(io_.draws) + row * dim_);
    io_.log_densities[row] = tree.log_density();
    io_.acceptance[row] = tree.acceptance();
    io_.energy[row] = tree.energy();
    io_.tree_depth[row] = tree.depth();
    io_.leapfrogs[row] = tree.leapfrogs();
    io_.divergent[row] = tree.divergent();
    if (io_.averaging) update(*io_.averaging, chain, tree.acceptance());
  }

  CredenceNuts io_;
  Arena arena_;
  int64_t dim_;
  int64_t size_;  // dim_, rounded up to whole vectors
  Target<Real> target_;
  Metric<Real> metric_;
  Now<Real> now_;
  Edge<Real> left_;  // the trajectory's ends, in the order of time
  Edge<Real> right_;
  Draw<Real> drawn_;  // from the subtree
  Draw<Real> kept_;   // from the trajectory
  Real* along_;
  Real* part_;   // sum of the subtree's momenta
  Real* whole_;  // of the trajectory's, without the subtree
  Real* first_;  // momentum of the subtree's first leaf
  Real* zero_;
  Real* momenta_[2];  // W x size: the momenta at this leaf and at the one before, lane by lane
  Real* sums_[2];     // the subtree's sums there
  std::vector<Checkpoints<Real>> checkpoints_;
  Tree tree_[W<Real>];
  Stream streams_[W<Real>];
  int64_t made_[W<Real>];
  double step_[W<Real>];  // with the sign of time
  alignas(64) double log_density_[W<Real>];
  Span chains_;
  Bits running_;
};

}  // namespace credence
