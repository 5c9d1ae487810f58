/* One instruction set: LSTMKIT_TARGET names it, LSTMKIT_BYTES is the width of its vectors. */
#include <stdint.h>
#include <stdlib.h>

#include "lstmkit.h"
#include "pool.h"
#include "targets.h"

namespace lstmkit {
namespace LSTMKIT_TARGET {
namespace {
#include "vector-inl.h"

#include "lstm-inl.h"

#include "stack-inl.h"

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
