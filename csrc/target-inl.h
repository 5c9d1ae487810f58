/* One instruction set: LSTMKIT_TARGET names it, LSTMKIT_BYTES is the width of its vectors. What is included inside the
 * namespace has internal linkage and uses no template of the standard library, so that no copy made for one machine can
 * be taken for another's. */
#include <stdint.h>
#include <stdlib.h>

#include "lstmkit.h"
#include "pool.h"
#include "targets.h"

namespace lstmkit {
namespace LSTMKIT_TARGET {
namespace {
// clang-format off: the order matters
#include "vector-inl.h"
#include "tile-inl.h"
#include "layout-inl.h"
#include "forward-inl.h"
#include "backward-inl.h"
#include "sums-inl.h"
#include "stack-inl.h"
// clang-format on

int forward(const lstmkit_lstm* c) {
  return c->type == LSTMKIT_FLOAT32 ? forward_stack<float>(*c) : forward_stack<double>(*c);
}
int backward(const lstmkit_lstm* c) {
  return c->type == LSTMKIT_FLOAT32 ? backward_stack<float>(*c) : backward_stack<double>(*c);
}
int64_t reserve(const lstmkit_lstm* c) {
  if (c->type == LSTMKIT_FLOAT32) return Shape<float>(*c).reserve_values() * static_cast<int64_t>(sizeof(float));
  return Shape<double>(*c).reserve_values() * static_cast<int64_t>(sizeof(double));
}
}  // namespace

extern const Target target = {LSTMKIT_STRING(LSTMKIT_TARGET), forward, backward, reserve};

}  // namespace LSTMKIT_TARGET
}  // namespace lstmkit
