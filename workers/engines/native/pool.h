// Threads that wait for work: starting one takes 20 us, waking one 5.
//
// One pool per process, never destroyed, so that nothing happens to it at exit; a forked child has
// none of its parent's threads and starts a pool of its own.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace credence {

class Pool {
 public:
  // What one thread does; it returns when there is nothing left to do.
  typedef std::function<void(int64_t worker)> Work;

  static Pool& shared() {
    Pool* pool = current().load();
    if (pool) return *pool;
    Pool* fresh = new Pool();
    if (current().compare_exchange_strong(pool, fresh)) {
      pthread_atfork(nullptr, nullptr, [] { current().store(nullptr); });
      return *fresh;
    }
    delete fresh;
    return *pool;
  }

  // Calls `work` on this thread, as worker 0, and on at most `others` more; returns when all have
  // returned. When the pool is at work for another caller, this thread works alone.
  void run(int64_t others, const Work& work) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn || others <= 0) return work(0);
    start(others);
    {
      std::lock_guard<std::mutex> lock(state_);
      work_ = &work;
      wanted_ = running_ = others < started_ ? others : started_;
      ++round_;
    }
    wake_.notify_all();
    work(0);
    std::unique_lock<std::mutex> lock(state_);
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  static std::atomic<Pool*>& current() {
    static std::atomic<Pool*> pool{nullptr};
    return pool;
  }

  // Starts threads until there are `count`, or as many as the system allows.
  void start(int64_t count) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for Python's threads
    try {
      for (; started_ < count; ++started_)
        std::thread(&Pool::serve, this, started_ + 1, round_).detach();
    } catch (const std::system_error&) {
      // Fewer threads take longer, and do the same.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void serve(int64_t worker, int64_t seen) {
    for (;;) {
      std::unique_lock<std::mutex> lock(state_);
      wake_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (worker > wanted_) continue;
      const Work& work = *work_;
      lock.unlock();
      work(worker);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex turn_;
  std::mutex state_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const Work* work_ = nullptr;
  int64_t started_ = 0;
  int64_t wanted_ = 0;
  int64_t running_ = 0;
  int64_t round_ = 0;
};

// Runners with memory of their own that share the blocks of a call, on up to `threads` threads. A
// block's result is its own affair, so which of them runs it changes nothing.
template <class Runner>
class Crew {
 public:
  // `make` returns a new runner.
  template <class Make>
  Crew(int64_t blocks, int64_t threads, const Make& make) : blocks_(blocks) {
    const int64_t workers = std::clamp<int64_t>(threads, 1, std::max<int64_t>(blocks, 1));
    for (int64_t n = 0; n < workers; ++n) runners_.push_back(make());
  }

  // Runs every block once.
  void run() {
    std::atomic<int64_t> next{0};
    Pool::shared().run(int64_t(runners_.size()) - 1, [&](int64_t worker) {
      for (int64_t n = next++; n < blocks_; n = next++) runners_[worker]->run(n);
    });
  }

 private:
  int64_t blocks_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

}  // namespace credence
