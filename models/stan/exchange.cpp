// A density that another process evaluates, as the runtime of the compiled tier calls it.
//
// Both processes see the same memory. Whoever moves chains writes points into a slot and asks; a
// thread of the other process evaluates them there and answers. Both sides look for each other for
// some microseconds and then sleep until they are woken (futex), so that a trajectory of a small
// model costs a microsecond a leapfrog above the evaluation, and a process that has nothing to do
// costs nothing.
#include <linux/futex.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <thread>

#include "density.h"

namespace {

enum : uint32_t { kIdle, kAsked, kAnswered };
// Looks at a word before sleeping; a tenth of them give the processor away in between.
constexpr int kLooks = 2000;
// Nanoseconds of a sleep, after which whoever waits looks whether the other is still there.
constexpr long kSleep = 100'000'000;

using Word = std::atomic<uint32_t>;

// What stands before the numbers of a slot: points, W x D; log densities, W; gradients, W x D.
struct alignas(64) Slot {
  Word state;
  Word asker_sleeps;
  Word answerer_sleeps;
  // Whether somebody uses the slot.
  Word taken;
  // How many points to evaluate, and how many were begun: what a watch sees.
  int64_t rows;
  std::atomic<int64_t> begun;

  double* numbers() { return reinterpret_cast<double*>(this + 1); }
};

// The asker's side; laid out as `exchange.py` has it.
struct Exchange {
  int64_t dim;
  int64_t slots;
  int64_t stride;
  char* base;
  int64_t channel;  // a socket that the other process closes when it ends
  Word closed;
};

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void sleep_on(Word& word, uint32_t value) {
  const timespec limit{0, kSleep};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT, value, &limit, nullptr, 0);
}

void wake(Word& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// Waits until the state is what is wanted, or for one sleep; whether it is.
bool await(Word& state, Word& sleeps, uint32_t wanted) {
  for (int look = 0; look < kLooks; ++look) {
    if (state.load(std::memory_order_acquire) == wanted) return true;
    if (look % 10 == 9)
      sched_yield();
    else
      pause();
  }
  sleeps.store(1);
  const uint32_t seen = state.load();
  if (seen != wanted) sleep_on(state, seen);
  sleeps.store(0);
  return state.load(std::memory_order_acquire) == wanted;
}

void change(Word& state, uint32_t value, Word& sleeper) {
  state.store(value);
  if (sleeper.load()) wake(state);
}

// Whether the other process has ended, and its end of the socket with it.
bool gone(Exchange& exchange) {
  char byte;
  const auto read = recv(int(exchange.channel), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (read == 0 || (read < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
    exchange.closed.store(1);
  return exchange.closed.load() != 0;
}

Slot& take(Exchange& exchange) {
  for (;;) {
    for (int64_t i = 0; i < exchange.slots; ++i) {
      Slot& slot = *reinterpret_cast<Slot*>(exchange.base + i * exchange.stride);
      uint32_t no = 0;
      if (slot.taken.compare_exchange_strong(no, 1)) return slot;
    }
    sched_yield();
  }
}

template <class Real, int64_t W>
void ask(const void* const* arrays, const void* at, double* value, void* into, void*) {
  auto& exchange = *const_cast<Exchange*>(reinterpret_cast<const Exchange*>(arrays));
  const int64_t dim = exchange.dim;
  auto* gradient = static_cast<Real*>(into);
  Slot& slot = take(exchange);
  double* points = slot.numbers();
  const auto* z = static_cast<const Real*>(at);
  // Lanes beyond the last chain repeat it: a point is evaluated once.
  int64_t row[W], rows = 0;
  for (int64_t l = 0; l < W; ++l) {
    double* point = points + rows * dim;
    for (int64_t d = 0; d < dim; ++d) point[d] = double(z[d * W + l]);
    const bool same = rows && !std::memcmp(point, point - dim, dim * sizeof(double));
    row[l] = same ? rows - 1 : rows++;
  }
  slot.rows = rows;
  change(slot.state, kAsked, slot.answerer_sleeps);
  bool answered = false, over = exchange.closed.load() != 0;
  while (!answered && !over) {
    answered = await(slot.state, slot.asker_sleeps, kAnswered);
    over = !answered && gone(exchange);
  }
  const double* values = points + W * dim;
  const double* slopes = values + W;
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (int64_t l = 0; l < W; ++l) {
    if (value) value[l] = answered ? values[row[l]] : none;
    for (int64_t d = 0; d < dim; ++d)
      gradient[d * W + l] = Real(answered ? slopes[row[l] * dim + d] : none);
  }
  slot.state.store(kIdle);
  slot.taken.store(0);
}

template <class Real, int64_t W>
void force(const void* const* arrays, const void* at, void* into, void* scratch) {
  ask<Real, W>(arrays, at, nullptr, into, scratch);
}

using Gradient = int (*)(void*, bool, bool, const double*, double*, double*, char**);

void answer(Slot& slot, int64_t dim, int64_t lanes, Gradient gradient, void* model) {
  double* points = slot.numbers();
  double* values = points + lanes * dim;
  double* slopes = values + lanes;
  for (;;) {
    if (!await(slot.state, slot.answerer_sleeps, kAsked)) continue;
    for (int64_t row = 0; row < slot.rows; ++row) {
      slot.begun.fetch_add(1);
      double* slope = slopes + row * dim;
      if (gradient(model, true, true, points + row * dim, values + row, slope, nullptr)) {
        values[row] = -std::numeric_limits<double>::infinity();
        std::memset(slope, 0, dim * sizeof(double));
      }
    }
    change(slot.state, kAnswered, slot.asker_sleeps);
  }
}

}  // namespace

extern "C" {

// Bytes of a slot for blocks of `lanes` points.
int64_t credence_exchange_stride(int64_t dim, int64_t lanes) {
  const int64_t size = sizeof(Slot) + 8 * lanes * (2 * dim + 1);
  return (size + 63) / 64 * 64;
}

// Where a slot tells its state and how many points were begun, for a watch.
int64_t credence_exchange_begun() { return offsetof(Slot, begun); }

CredenceBoth credence_exchange_both(int64_t bytes) {
  return bytes == 8 ? &ask<double, 8> : &ask<float, 16>;
}

CredenceForce credence_exchange_force(int64_t bytes) {
  return bytes == 8 ? &force<double, 8> : &force<float, 16>;
}

// Answers from now on, in threads that end with the process. Returns how many slots have one.
int64_t credence_exchange_answer(char* base, int64_t slots, int64_t stride, int64_t dim,
                                 int64_t lanes, Gradient gradient, void* model) {
  int64_t started = 0;
  try {
    for (; started < slots; ++started) {
      auto* slot = reinterpret_cast<Slot*>(base + started * stride);
      std::thread([=] { answer(*slot, dim, lanes, gradient, model); }).detach();
    }
  } catch (...) {
    // Fewer threads take longer, and do the same.
  }
  return started;
}

}  // extern "C"
