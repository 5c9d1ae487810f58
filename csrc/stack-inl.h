/* The whole stack: layers one after another, both directions and all chunks of the batch of a layer together. */

template <class S>
struct Layer {
  Pass<S> pass[2];
  RowList<S> rows[2];
  int64_t directions, tasks_each;
  int failed;
};

constexpr int64_t kWorthThreads = 1 << 20; /* multiplications below which starting threads costs more than it saves */

inline int threads_for(const lstmkit_lstm& c) {
  const int64_t inputs = c.I > c.D * c.H ? c.I : c.D * c.H;
  return c.T * c.B * 4 * c.H * (inputs + c.H) < kWorthThreads ? 1 : c.threads;
}

template <class S>
const S* weight(const lstmkit_lstm& c, int64_t layer, int64_t direction, int which) {
  return static_cast<const S*>(c.weights[(layer * c.D + direction) * (c.bias ? 4 : 2) + which]);
}

template <class S>
S* kept_of(const Shape<S>& s, const lstmkit_lstm& c, int64_t layer, int64_t direction) {
  return c.reserve == nullptr ? nullptr : static_cast<S*>(c.reserve) + (layer * s.D + direction) * s.kept();
}
template <class S>
S* kept_output(const Shape<S>& s, const lstmkit_lstm& c, int64_t layer) {
  return static_cast<S*>(c.reserve) + s.K * s.D * s.kept() + layer * s.T * s.B * s.D * s.H;
}

/* What forward and backward share. */
template <class S>
Pass<S> make_pass(const Shape<S>& s, const lstmkit_lstm& c, const Order& order, int64_t layer, int64_t direction,
                  const S* x, S* y, int64_t chunks) {
  Pass<S> p = {};
  const int64_t k = layer * s.D + direction, state = k * s.B * s.H;
  p.shape = &s;
  p.order = &order;
  p.direction = direction;
  p.inputs = s.inputs(layer);
  p.chunks = chunks;
  p.x = x;
  p.h0 = static_cast<const S*>(c.h0) + state;
  p.c0 = static_cast<const S*>(c.c0) + state;
  p.y = y + direction * s.H;
  p.gates = kept_of(s, c, layer, direction);
  p.cells = p.gates ? p.gates + s.gate_values() : nullptr;
  return p;
}

/* Several tasks may fail at once. */
template <class S>
void fail(Layer<S>& layer) {
  __atomic_store_n(&layer.failed, 1, __ATOMIC_RELAXED);
}

template <class S>
void forward_task(void* context, long number) {
  Layer<S>& layer = *static_cast<Layer<S>*>(context);
  if (!forward_chunk<S>(layer.pass[number % layer.directions], number / layer.directions)) fail(layer);
}
template <class S>
void backward_task(void* context, long number) {
  Layer<S>& layer = *static_cast<Layer<S>*>(context);
  if (!backward_chunk<S>(layer.pass[number % layer.directions], number / layer.directions)) fail(layer);
}
template <class S>
void sums_task(void* context, long number) {
  Layer<S>& layer = *static_cast<Layer<S>*>(context);
  const int64_t d = number / layer.tasks_each;
  sum_task<S>(layer.pass[d], layer.rows[d], number % layer.tasks_each);
}

template <class S>
int forward_stack(const lstmkit_lstm& c) {
  const Shape<S> s(c);
  Arena arena;
  Order order;
  if (!make_order(arena, c.lengths, s.B, s.T, order)) return 1;
  const int threads = threads_for(c);
  const int64_t chunks = s.B < threads ? (s.B ? s.B : 1) : threads;
  const int64_t most = s.K > 1 && s.D * s.H > s.I ? s.D * s.H : s.I;
  S *w_x[2], *w_h[2], *bias[2], *between[2] = {nullptr, nullptr};
  for (int64_t d = 0; d < s.D; ++d) {
    w_x[d] = arena.take<S>(s.wide * most);
    w_h[d] = arena.take<S>(s.wide * s.H);
    bias[d] = arena.take<S>(s.wide);
  }
  for (int64_t k = 0; c.reserve == nullptr && k < 2 && k < s.K - 1; ++k) between[k] = arena.take<S>(s.T * s.B * s.D * s.H);
  if (arena.failed) return 1;
  const S* x = static_cast<const S*>(c.x);
  for (int64_t l = 0; l < s.K; ++l) {
    S* y = l == s.K - 1 ? static_cast<S*>(c.y) : c.reserve ? kept_output(s, c, l) : between[l % 2];
    Layer<S> layer = {};
    layer.directions = s.D;
    for (int64_t d = 0; d < s.D; ++d) {
      Pass<S>& p = layer.pass[d] = make_pass(s, c, order, l, d, x, y, chunks);
      pack_gates(s, weight<S>(c, l, d, 0), p.inputs, w_x[d]);
      pack_gates(s, weight<S>(c, l, d, 1), s.H, w_h[d]);
      for (int64_t k = 0; k < s.wide; ++k) {
        const int64_t unit = k / (4 * s.n) * s.n + k % s.n, gate = k / s.n % 4, at = gate * s.H + unit;
        bias[d][k] = c.bias && unit < s.H ? weight<S>(c, l, d, 2)[at] + weight<S>(c, l, d, 3)[at] : S(0);
      }
      p.w_x = w_x[d];
      p.w_h = w_h[d];
      p.bias = bias[d];
      p.hn = static_cast<S*>(c.hn) + (l * s.D + d) * s.B * s.H;
      p.cn = static_cast<S*>(c.cn) + (l * s.D + d) * s.B * s.H;
    }
    run_tasks(forward_task<S>, &layer, s.D * chunks, threads);
    if (layer.failed) return 1;
    x = y;
  }
  return 0;
}

template <class S>
int backward_stack(const lstmkit_lstm& c) {
  const Shape<S> s(c);
  Arena arena;
  Order order;
  if (!make_order(arena, c.lengths, s.B, s.T, order)) return 1;
  const int threads = threads_for(c);
  const int64_t chunks = s.B < threads ? (s.B ? s.B : 1) : threads, n4 = 4 * s.n;
  const int64_t most = s.K > 1 && s.D * s.H > s.I ? s.D * s.H : s.I, out = s.T * s.B * s.D * s.H;
  S *w_xt[2], *w_ht[2], *da[2], *between[2] = {nullptr, nullptr};
  for (int64_t d = 0; d < s.D; ++d) {
    w_xt[d] = arena.take<S>(s.wide * ((most + n4 - 1) / n4) * n4);
    w_ht[d] = arena.take<S>(s.wide * ((s.H + n4 - 1) / n4) * n4);
    da[d] = arena.take<S>(s.gate_values());
  }
  for (int64_t k = 0; k < 2 && k < s.K - 1; ++k) between[k] = arena.take<S>(out);
  if (arena.failed) return 1;
  const S* dy = static_cast<const S*>(c.dy);
  for (int64_t l = s.K - 1; l >= 0; --l) {
    const S* x = l == 0 ? static_cast<const S*>(c.x) : kept_output(s, c, l - 1);
    S* y = l == s.K - 1 ? static_cast<S*>(c.y) : kept_output(s, c, l);
    S* dx = l == 0 ? static_cast<S*>(c.dx) : between[(l - 1) % 2];
    Layer<S> layer = {};
    layer.directions = s.D;
    Arena lists;
    for (int64_t d = 0; d < s.D; ++d) {
      Pass<S>& p = layer.pass[d] = make_pass(s, c, order, l, d, x, y, chunks);
      const int64_t k = l * s.D + d, state = k * s.B * s.H, each = c.bias ? 4 : 2;
      pack_transposed(s, weight<S>(c, l, d, 1), s.H, w_ht[d]);
      if (dx != nullptr) pack_transposed(s, weight<S>(c, l, d, 0), p.inputs, w_xt[d]);
      p.w_ht = w_ht[d];
      p.w_xt = w_xt[d];
      p.da = da[d];
      p.dy = dy + d * s.H;
      p.dhn = static_cast<const S*>(c.dhn) + state;
      p.dcn = static_cast<const S*>(c.dcn) + state;
      p.dx = dx;
      p.add = d == 1;
      p.dh0 = static_cast<S*>(c.dh0) + state;
      p.dc0 = static_cast<S*>(c.dc0) + state;
      p.dw_ih = static_cast<S*>(c.dweights[k * each]);
      p.dw_hh = static_cast<S*>(c.dweights[k * each + 1]);
      p.db = c.bias ? static_cast<S*>(c.dweights[k * each + 2]) : nullptr;
      if (!list_rows(lists, p, layer.rows[d])) return 1;
    }
    /* Both directions add to one dx: the second only after the first, so that the sum has one order. */
    for (int64_t d = 0; d < s.D; ++d) {
      Layer<S> one = {};
      one.directions = 1;
      one.pass[0] = layer.pass[d];
      run_tasks(backward_task<S>, &one, chunks, threads);
      if (one.failed) return 1;
    }
    layer.tasks_each = sum_tasks(layer.pass[0]);
    run_tasks(sums_task<S>, &layer, layer.tasks_each * s.D, threads);
    for (int64_t d = 0; c.bias && d < s.D; ++d) {
      const S* db = static_cast<const S*>(c.dweights[(l * s.D + d) * 4 + 2]);
      S* twin = static_cast<S*>(c.dweights[(l * s.D + d) * 4 + 3]);
      for (int64_t k = 0; k < 4 * s.H; ++k) twin[k] = db[k];
    }
    dy = dx;
  }
  return 0;
}
