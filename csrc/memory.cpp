#include "memory.h"

#include <cstdlib>

namespace lstmkit {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kLarge = 1 << 17;     /* smaller pieces the C library keeps by itself */
constexpr size_t kMostBytes = 1 << 25; /* of a thread */
constexpr int kMostPieces = 24;

/* What a thread has given back, oldest first. */
struct Kept {
  void* piece[kMostPieces];
  size_t bytes[kMostPieces];
  int count = 0;
  size_t total = 0;
  ~Kept() {
    while (count > 0) std::free(remove(0));
  }
  void* remove(int k) {
    void* found = piece[k];
    total -= bytes[k];
    for (--count; k < count; ++k) {
      piece[k] = piece[k + 1];
      bytes[k] = bytes[k + 1];
    }
    return found;
  }
};
thread_local Kept kept;

size_t rounded_size(size_t bytes) { return bytes == 0 ? kLine : (bytes + kLine - 1) / kLine * kLine; }

}  // namespace

void* take_memory(size_t bytes) {
  const size_t size = rounded_size(bytes);
  for (int k = 0; size >= kLarge && k < kept.count; ++k) {
    if (kept.bytes[k] == size) return kept.remove(k);
  }
  void* piece = nullptr;
  return posix_memalign(&piece, kLine, size) == 0 ? piece : nullptr;
}

void give_memory(void* piece, size_t bytes) {
  const size_t size = rounded_size(bytes);
  if (size < kLarge || size > kMostBytes) return std::free(piece);
  while (kept.count == kMostPieces || kept.total + size > kMostBytes) std::free(kept.remove(0));
  kept.piece[kept.count] = piece;
  kept.bytes[kept.count++] = size;
  kept.total += size;
}

}  // namespace lstmkit
