/* Which instruction set is used, and the public functions. */
#include <atomic>
#include <cstring>
#include <string>

#include "targets.h"

namespace lstmkit {
#if defined(__x86_64__)
namespace avx512 {
extern const Target target;
}
namespace avx2 {
extern const Target target;
}
#endif
#if defined(__aarch64__)
namespace neon {
extern const Target target;
}
#endif
namespace portable {
extern const Target target;
}

namespace {

struct Choice {
  const Target* target;
  bool (*runs_here)();
};

/* Best first; the last one runs everywhere. */
const Choice kChoices[] = {
#if defined(__x86_64__)
    {&avx512::target, [] { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") != 0; }},
    {&avx2::target, [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") != 0; }},
#endif
#if defined(__aarch64__)
    {&neon::target, [] { return true; }}, /* every such machine has it */
#endif
    {&portable::target, [] { return true; }},
};

const Target* best() {
  for (const Choice& choice : kChoices) {
    if (choice.runs_here()) return choice.target;
  }
  return nullptr;
}

std::atomic<const Target*> chosen{nullptr};

const Target* current() {
  const Target* target = chosen.load(std::memory_order_relaxed);
  if (target == nullptr) {
    target = best();
    chosen.store(target, std::memory_order_relaxed);
  }
  return target;
}

constexpr int kOutside = 3;

/* Whether every length lies between 0 and T: memory is addressed by them. */
bool fits(const lstmkit_stack* call) {
  for (int64_t b = 0; call->lengths != nullptr && b < call->B; ++b) {
    if (call->lengths[b] < 0 || call->lengths[b] > call->T) return false;
  }
  return true;
}

}  // namespace
}  // namespace lstmkit

using lstmkit::current;
using lstmkit::fits;
using lstmkit::kOutside;

int64_t lstmkit_reserve(const lstmkit_stack* call) { return current()->reserve(call); }
int64_t lstmkit_packed(const lstmkit_stack* call) { return current()->packed(call); }

int lstmkit_same(const void* const* one, const void* const* other, const int64_t* bytes, int64_t count) {
  for (int64_t k = 0; k < count; ++k) {
    if (std::memcmp(one[k], other[k], static_cast<size_t>(bytes[k])) != 0) return 0;
  }
  return 1;
}

int lstmkit_pack(const lstmkit_stack* call, void* packed) { return current()->pack(call, packed); }
int lstmkit_forward(const lstmkit_stack* call) { return fits(call) ? current()->forward(call) : kOutside; }
int lstmkit_backward(const lstmkit_stack* call) { return fits(call) ? current()->backward(call) : kOutside; }
int lstmkit_step(const lstmkit_stack* call) { return current()->step(call); }
const char* lstmkit_target(void) { return current()->name; }

const char* lstmkit_targets(void) {
  static const std::string names = [] {
    std::string all;
    for (const auto& choice : lstmkit::kChoices) {
      if (choice.runs_here()) all += (all.empty() ? "" : " ") + std::string(choice.target->name);
    }
    return all;
  }();
  return names.c_str();
}

int lstmkit_use_target(const char* name) {
  for (const auto& choice : lstmkit::kChoices) {
    if (std::strcmp(choice.target->name, name) == 0 && choice.runs_here()) {
      lstmkit::chosen.store(choice.target, std::memory_order_relaxed);
      return 0;
    }
  }
  return 1;
}
