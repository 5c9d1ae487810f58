/* One instruction set: LSTMKIT_TARGET names it, LSTMKIT_BYTES is the width of its vectors, LSTMKIT_REGISTERS how many
 * it has. What is included inside the namespace has internal linkage and uses no template of the standard library, so
 * that no copy made for one machine can be taken for another's. */
#include <stdint.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "lstmkit.h"
#include "memory.h"
#include "pool.h"
#include "targets.h"

namespace lstmkit {
namespace LSTMKIT_TARGET {
namespace {
// clang-format off: the order matters
#include "vector-inl.h"
#include "tile-inl.h"
#include "layout-inl.h"
#include "pack-inl.h"
#include "products-inl.h"
#include "cell-inl.h"
#include "sums-inl.h"
#include "forward-inl.h"
#include "backward-inl.h"
#include "stack-inl.h"
#include "stack-backward-inl.h"
#include "cell-lstm-inl.h"
#include "cell-alstm-inl.h"
#include "cell-extended-inl.h"
#include "cell-norm-inl.h"
#include "cell-norm-ba-inl.h"
#include "cell-norm-gates-inl.h"
#include "cell-gru-inl.h"
#include "cell-rnn-inl.h"
#include "cell-mogrifier-inl.h"
#include "cell-slstm-inl.h"
#include "cells-inl.h"
#include "step-inl.h"
// clang-format on

int forward(const lstmkit_stack* c) {
  return c->type == LSTMKIT_FLOAT32 ? forward_call<float>(*c) : forward_call<double>(*c);
}
int backward(const lstmkit_stack* c) {
  return c->type == LSTMKIT_FLOAT32 ? backward_call<float>(*c) : backward_call<double>(*c);
}
int64_t reserve(const lstmkit_stack* c) {
  return c->type == LSTMKIT_FLOAT32 ? reserve_call<float>(*c) : reserve_call<double>(*c);
}
int64_t packed(const lstmkit_stack* c) {
  return c->type == LSTMKIT_FLOAT32 ? packed_call<float>(*c) : packed_call<double>(*c);
}
int pack(const lstmkit_stack* c, void* out) {
  return c->type == LSTMKIT_FLOAT32 ? pack_call<float>(*c, out) : pack_call<double>(*c, out);
}
int step(const lstmkit_stack* c) {
  return c->type == LSTMKIT_FLOAT32 ? step_call<float>(*c) : step_call<double>(*c);
}
}  // namespace

extern const Target target = {LSTMKIT_STRING(LSTMKIT_TARGET), forward, backward, reserve, packed, pack, step};

}  // namespace LSTMKIT_TARGET
}  // namespace lstmkit
