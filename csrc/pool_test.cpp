/* The thread pool under load: several callers, more tasks than threads, every task exactly once. Run by `make sanitize`
 * under ThreadSanitizer. */
#include <cstdio>
#include <thread>
#include <vector>

#include "pool.h"

namespace {

void mark(void* context, long number) { ++static_cast<std::vector<int>*>(context)->at(static_cast<size_t>(number)); }

bool each_task_ran_once(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::vector<int> done(static_cast<size_t>(1 + round % 7), 0);
    lstmkit::run_tasks(mark, &done, static_cast<long>(done.size()), 1 + round % 4);
    for (int count : done) {
      if (count != 1) return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  bool good[3] = {false, false, false};
  std::vector<std::thread> callers;
  for (bool& result : good) callers.emplace_back([&result] { result = each_task_ran_once(2000); });
  for (std::thread& caller : callers) caller.join();
  const bool all = good[0] && good[1] && good[2];
  std::puts(all ? "pool: every task ran once" : "pool: FAILED");
  return all ? 0 : 1;
}
