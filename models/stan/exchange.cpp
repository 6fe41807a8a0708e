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

#include <algorithm>
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
  // How many ask at the moment, and whether there were ever several: then each takes one slot.
  Word inside;
  Word crowded;
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

// A slot that nobody uses, now in use; null where there is none.
Slot* find(Exchange& exchange) {
  for (int64_t i = 0; i < exchange.slots; ++i) {
    Slot& slot = *reinterpret_cast<Slot*>(exchange.base + i * exchange.stride);
    uint32_t no = 0;
    if (slot.taken.compare_exchange_strong(no, 1)) return &slot;
  }
  return nullptr;
}

Slot& take(Exchange& exchange) {
  for (;;) {
    if (Slot* slot = find(exchange)) return *slot;
    sched_yield();
  }
}

// Part of a question: the rows from `first` on, which one slot answers.
template <int64_t W>
struct Part {
  Slot* slot;
  int64_t first;
  bool answered = false;

  double* point(int64_t row, int64_t dim) const { return slot->numbers() + (row - first) * dim; }
  double& value(int64_t row, int64_t dim) const { return point(first + W, dim)[row - first]; }
  double* slope(int64_t row, int64_t dim) const { return point(row, dim) + W * (dim + 1); }

  void wait(Exchange& exchange) {
    bool over = exchange.closed.load() != 0;
    while (!answered && !over) {
      answered = await(slot->state, slot->asker_sleeps, kAnswered);
      over = !answered && gone(exchange);
    }
  }

  void leave() {
    slot->state.store(kIdle);
    slot->taken.store(0);
  }
};

// Takes slots for so many rows, and shares these out: one slot for each asker where there are
// several, and else as many as there are. Returns how many.
template <int64_t W>
int64_t share(Exchange& exchange, int64_t rows, Part<W>* parts) {
  int64_t count = 0;
  parts[count++].slot = &take(exchange);
  const int64_t most = exchange.crowded.load() ? 1 : std::min(rows, exchange.slots);
  while (count < most && (parts[count].slot = find(exchange))) ++count;
  for (int64_t p = 0; p < count; ++p) parts[p].first = rows * p / count;
  return count;
}

template <class Real, int64_t W>
void ask(const void* const* arrays, const void* at, double* value, void* into, void*) {
  auto& exchange = *const_cast<Exchange*>(reinterpret_cast<const Exchange*>(arrays));
  const int64_t dim = exchange.dim;
  auto* gradient = static_cast<Real*>(into);
  const auto* z = static_cast<const Real*>(at);
  if (exchange.inside.fetch_add(1)) exchange.crowded.store(1);
  // Lanes beyond the last chain repeat it: a point is evaluated once.
  int64_t row[W], lane[W], rows = 0;
  for (int64_t l = 0; l < W; ++l) {
    bool same = rows > 0;
    for (int64_t d = 0; same && d < dim; ++d)
      same = !std::memcmp(z + d * W + l, z + d * W + l - 1, sizeof(Real));
    if (!same) lane[rows++] = l;
    row[l] = rows - 1;
  }
  Part<W> parts[W];
  const int64_t count = share<W>(exchange, rows, parts);
  int64_t part[W];
  for (int64_t p = 0; p < count; ++p) {
    const int64_t end = p + 1 < count ? parts[p + 1].first : rows;
    for (int64_t r = parts[p].first; r < end; ++r) {
      part[r] = p;
      double* point = parts[p].point(r, dim);
      for (int64_t d = 0; d < dim; ++d) point[d] = double(z[d * W + lane[r]]);
    }
    parts[p].slot->rows = end - parts[p].first;
    change(parts[p].slot->state, kAsked, parts[p].slot->answerer_sleeps);
  }
  for (int64_t p = 0; p < count; ++p) parts[p].wait(exchange);
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (int64_t l = 0; l < W; ++l) {
    const Part<W>& mine = parts[part[row[l]]];
    if (value) value[l] = mine.answered ? mine.value(row[l], dim) : none;
    const double* slope = mine.slope(row[l], dim);
    for (int64_t d = 0; d < dim; ++d) gradient[d * W + l] = Real(mine.answered ? slope[d] : none);
  }
  for (int64_t p = 0; p < count; ++p) parts[p].leave();
  exchange.inside.fetch_sub(1);
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
