// Working memory of one thread: arrays aligned to a cache line, freed together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace credence {

constexpr int64_t ALIGNMENT = 64;

class Arena {
 public:
  // `count` elements of a plain type, with whatever lies there.
  template <class T>
  T* take(int64_t count) {
    const size_t bytes = (count * sizeof(T) / ALIGNMENT + 1) * ALIGNMENT;
    arrays_.emplace_back(std::aligned_alloc(ALIGNMENT, bytes));
    if (!arrays_.back()) throw std::bad_alloc();
    return static_cast<T*>(arrays_.back().get());
  }

  // `count` elements, zero.
  template <class T>
  T* zeros(int64_t count) {
    T* array = take<T>(count);
    std::fill_n(array, count, T());
    return array;
  }

 private:
  struct Free {
    void operator()(void* array) const { std::free(array); }
  };
  std::vector<std::unique_ptr<void, Free>> arrays_;
};

}  // namespace credence
