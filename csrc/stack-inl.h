/* The whole stack: layers one after another, all chunks of the batch of a layer together. Included once per target,
 * inside its namespace. */

constexpr int64_t kWorthThreads = 1 << 20; /* multiplications below which starting threads costs more than it saves */

template <class S>
int threads_for(const Shape<S>& s, const lstmkit_stack& c) {
  return s.T * s.B * s.G * s.H * (s.most_inputs() + s.P) < kWorthThreads ? 1 : c.threads;
}

/* Several tasks may fail at once. */
struct Failure {
  int happened = 0;
  void set() { __atomic_store_n(&happened, 1, __ATOMIC_RELAXED); }
};

template <class S>
const S* weight(const lstmkit_stack& c, int64_t state, int which) {
  return static_cast<const S*>(c.weights[state * c.each + which]);
}

/* The output of a layer, which the one above reads: the caller's, in the reserve, or one of two in turns. */
template <class S>
S* output_of(const Shape<S>& s, const lstmkit_stack& c, int64_t layer, S* const (&between)[2]) {
  if (layer == s.K - 1) return static_cast<S*>(c.y);
  if (c.reserve == nullptr) return between[layer % 2];
  return static_cast<S*>(c.reserve) + s.K * s.D * s.kept() + layer * s.output();
}

/* What forward and backward share. */
template <class S>
Pass<S> make_pass(const Shape<S>& s, const lstmkit_stack& c, const Order& order, int64_t layer, int64_t direction,
                  const S* x, S* y, int threads) {
  Pass<S> p = {};
  p.call = &c;
  p.shape = &s;
  p.order = &order;
  p.layer = layer;
  p.direction = direction;
  p.inputs = s.inputs(layer);
  p.chunks = s.B < threads ? (s.B ? s.B : 1) : threads;
  p.x = x;
  p.y = y + direction * s.P;
  p.h0 = static_cast<const S*>(c.state[0]) + p.state() * s.B * s.P;
  for (int64_t k = 0; k < s.cells; ++k) p.cell0[k] = static_cast<const S*>(c.state[k + 1]) + p.state() * s.B * s.H;
  p.more = c.weights + p.state() * c.each + (c.bias ? 4 : 2);
  p.kept = c.reserve == nullptr ? nullptr : static_cast<S*>(c.reserve) + p.state() * s.kept();
  return p;
}

/* Zero in the rows of (T, B, width) where a sequence has ended. */
template <class S>
void clear_ended(const Shape<S>& s, const lstmkit_stack& c, int64_t width, S* out) {
  for (int64_t b = 0; c.lengths != nullptr && b < s.B; ++b) {
    for (int64_t t = c.lengths[b]; t < s.T; ++t) {
      for (int64_t u = 0; u < width; ++u) out[(t * s.B + b) * width + u] = S(0);
    }
  }
}

/* Packed weights of one direction of one layer: of h, the bias, of the input. */
template <class S>
int64_t packed_values(const Shape<S>& s, int64_t inputs) {
  return s.wide * (s.P + 1 + inputs);
}
template <class S>
void pack_state(const Shape<S>& s, const lstmkit_stack& c, int64_t state, int64_t inputs, S* out) {
  pack_gates(s, weight<S>(c, state, 1), s.P, out);
  const S *b_ih = c.bias ? weight<S>(c, state, 2) : nullptr, *b_hh = c.bias ? weight<S>(c, state, 3) : nullptr;
  pack_bias(s, b_ih, b_hh, out + s.wide * s.P);
  pack_gates(s, weight<S>(c, state, 0), inputs, out + s.wide * (s.P + 1));
}
/* Return where the next direction's stand. */
template <class S>
const S* read_packed(const Shape<S>& s, const S* packed, Pass<S>& p) {
  p.w_h = packed;
  p.bias = packed + s.wide * s.P;
  p.w_x = packed + s.wide * (s.P + 1);
  return packed + packed_values(s, p.inputs);
}

template <class Cell>
int64_t packed_stack(const lstmkit_stack& c) {
  const auto s = make_shape<Cell>(c);
  int64_t values = 0;
  for (int64_t l = 0; l < s.K; ++l) values += s.D * packed_values(s, s.inputs(l));
  return values;
}
template <class Cell>
int pack_stack(const lstmkit_stack& c, typename Cell::Scalar* out) {
  const auto s = make_shape<Cell>(c);
  for (int64_t state = 0; state < s.K * s.D; ++state) {
    const int64_t inputs = s.inputs(state / s.D);
    pack_state(s, c, state, inputs, out);
    out += packed_values(s, inputs);
  }
  return 0;
}

template <class Cell>
struct ForwardLayer {
  Pass<typename Cell::Scalar> pass[2];
  int64_t directions;
  Failure failure;
  static void task(void* context, long number) {
    ForwardLayer& layer = *static_cast<ForwardLayer*>(context);
    ForwardChunk<Cell> chunk(layer.pass[number % layer.directions], number / layer.directions);
    if (!chunk.run()) layer.failure.set();
  }
};

template <class Cell>
int forward_stack(const lstmkit_stack& c) {
  using S = typename Cell::Scalar;
  const Shape<S> s = make_shape<Cell>(c);
  const int threads = threads_for(s, c);
  Arena arena;
  Order order;
  if (!make_order(arena, c.lengths, s.B, s.T, order)) return 1;
  S *between[2] = {nullptr, nullptr}, *packed[2] = {nullptr, nullptr};
  for (int64_t d = 0; c.packed == nullptr && d < s.D; ++d) packed[d] = arena.take<S>(packed_values(s, s.most_inputs()));
  const S* next = static_cast<const S*>(c.packed);
  for (int64_t k = 0; c.reserve == nullptr && k < 2 && k < s.K - 1; ++k) between[k] = arena.take<S>(s.output());
  if (arena.failed) return 1;
  const S* x = static_cast<const S*>(c.x);
  for (int64_t l = 0; l < s.K; ++l) {
    S* y = output_of(s, c, l, between);
    Arena own;
    ForwardLayer<Cell> layer = {};
    layer.directions = s.D;
    for (int64_t d = 0; d < s.D; ++d) {
      Pass<S>& p = layer.pass[d] = make_pass(s, c, order, l, d, x, y, threads);
      const int64_t state = p.state();
      if (c.packed == nullptr) {
        pack_state(s, c, state, p.inputs, packed[d]);
        read_packed(s, packed[d], p);
      } else {
        next = read_packed(s, next, p);
      }
      p.last_h = static_cast<S*>(c.last[0]) + state * s.B * s.P;
      for (int64_t k = 0; k < s.cells; ++k) p.last_cell[k] = static_cast<S*>(c.last[k + 1]) + state * s.B * s.H;
      if (!Cell::pack(p, own)) return 1;
    }
    clear_ended(s, c, s.D * s.P, y);
    run_tasks(ForwardLayer<Cell>::task, &layer, s.D * layer.pass[0].chunks, threads);
    if (layer.failure.happened) return 1;
    x = y;
  }
  return 0;
}
