#include "pool.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace lstmkit {
namespace {

/* How often a thread looks for work, or for the end of it, before it sleeps: some 100 microseconds, more than parts of
 * a call are apart; waking a thread takes about as long. */
constexpr int kSpins = 2000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

class Pool {
 public:
  void run(Task task, void* context, long count, int helpers) {
    std::lock_guard<std::mutex> one_caller(callers_);
    grow(helpers);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task_ = task;
      context_ = context;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      wanted_ = helpers;
      working_.store(helpers, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    work(task, context, count);
    for (int spin = 0; spin < kSpins && working_.load(std::memory_order_acquire) > 0; ++spin) {
      pause();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return working_.load(std::memory_order_acquire) == 0; });
  }

 private:
  void grow(int helpers) {
    for (int index = static_cast<int>(threads_.size()); index < helpers; ++index) {
      const long seen = generation_.load(std::memory_order_acquire);
      threads_.emplace_back([this, index, seen] { serve(index, seen); });
      threads_.back().detach();
    }
  }

  void work(Task task, void* context, long count) {
    for (long k = next_.fetch_add(1, std::memory_order_relaxed); k < count;
         k = next_.fetch_add(1, std::memory_order_relaxed)) {
      task(context, k);
    }
  }

  void serve(int index, long seen) {
    for (;;) {
      for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) {
        pause();
      }
      Task task;
      void* context;
      long count;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        seen = generation_.load(std::memory_order_acquire);
        if (index >= wanted_) continue;
        task = task_;
        context = context_;
        count = count_;
      }
      work(task, context, count);
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  std::mutex callers_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  std::atomic<long> next_{0}, generation_{0};
  std::atomic<int> working_{0};
  Task task_ = nullptr;
  void* context_ = nullptr;
  long count_ = 0;
  int wanted_ = 0;
};

/* Never destroyed: its threads may still wait on it when the process ends. A forked child has none of the threads, so it
 * gets a new pool; the old one is left as it was. */
std::atomic<Pool*> pool{nullptr};
std::once_flag prepared;

}  // namespace

void run_tasks(Task task, void* context, long count, int threads) {
  const int helpers = static_cast<int>(count < threads ? count : threads) - 1;
  if (helpers < 1) {
    for (long k = 0; k < count; ++k) task(context, k);
    return;
  }
  std::call_once(prepared, [] { pthread_atfork(nullptr, nullptr, [] { pool.store(nullptr); }); });
  Pool* current = pool.load();
  if (current == nullptr) {
    Pool* fresh = new Pool;
    if (pool.compare_exchange_strong(current, fresh)) {
      current = fresh;
    } else {
      delete fresh;
    }
  }
  current->run(task, context, count, helpers);
}

}  // namespace lstmkit
