/* One step of a stack of plain LSTMs for a few sequences, from the weights as the caller has them: nothing is packed, so
 * nothing can be out of date. Included once per target, inside its namespace. */

constexpr int64_t kStepRows = 8; /* sequences at most; with more, packed weights would be faster by far */

/* The sums of products of `units` rows of w (rows, width) with x, each with itself only. Rows from `units` on repeat the
 * last one; nobody reads their sums. */
template <class S>
struct RowProducts {
  static constexpr int64_t n = Lanes<S>::n;
  Vec<S> sums[n] = {};
  void add(const S* w, int64_t width, int64_t units, const S* x) {
    const S* rows[n];
    for (int64_t u = 0; u < n; ++u) rows[u] = w + (u < units ? u : units - 1) * width;
    int64_t k = 0;
    for (; k + n <= width; k += n) {
      const Vec<S> v = load<S>(x + k);
#pragma GCC unroll 16
      for (int64_t u = 0; u < n; ++u) sums[u] += load<S>(rows[u] + k) * v;
    }
    if (k == width) return;
    const Vec<S> v = load_some(x + k, width - k);
#pragma GCC unroll 16
    for (int64_t u = 0; u < n; ++u) sums[u] += load_some(rows[u] + k, width - k) * v;
  }
  /* A sum a lane. */
  Vec<S> total() {
    transpose<S>(sums);
#pragma GCC unroll 4
    for (int64_t half = n / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
      for (int64_t k = 0; k < half; ++k) sums[k] += sums[k + half];
    }
    return sums[0];
  }
};

/* A layer: x (B, inputs) and the state before, to the state after. */
template <class S>
void step_layer(const lstmkit_stack& c, int64_t layer, const S* x, int64_t inputs) {
  constexpr int64_t n = Lanes<S>::n;
  const int64_t H = c.H, at = layer * c.B * H;
  const void* const* w = c.weights + layer * c.each;
  const S *w_ih = static_cast<const S*>(w[0]), *w_hh = static_cast<const S*>(w[1]);
  const S *h0 = static_cast<const S*>(c.state[0]) + at, *c0 = static_cast<const S*>(c.state[1]) + at;
  S *h1 = static_cast<S*>(c.last[0]) + at, *c1 = static_cast<S*>(c.last[1]) + at;
  for (int64_t j = 0; j < H; j += n) {
    const int64_t units = H - j < n ? H - j : n;
    Vec<S> a[kStepRows][4];
    for (int g = 0; g < 4; ++g) {
      const int64_t row = g * H + j;
      Vec<S> bias = {};
      for (int k = 2; c.bias && k < 4; ++k) bias += load_some(static_cast<const S*>(w[k]) + row, units);
      for (int64_t b = 0; b < c.B; ++b) {
        RowProducts<S> products;
        products.add(w_ih + row * inputs, inputs, units, x + b * inputs);
        products.add(w_hh + row * H, H, units, h0 + b * H);
        a[b][g] = products.total() + bias;
      }
    }
    for (int64_t b = 0; b < c.B; ++b) {
      const int64_t to = b * H + j;
      const Vec<S> i = sigmoid_of(a[b][0]), f = sigmoid_of(a[b][1]), g = tanh_of(a[b][2]), o = sigmoid_of(a[b][3]);
      const Vec<S> cell = rounded(f * load_some(c0 + to, units)) + i * g;
      store_some(c1 + to, cell, units);
      store_some(h1 + to, o * tanh_of(cell), units);
    }
  }
}

template <class S>
int step_call(const lstmkit_stack& c) {
  const bool plain = c.cell == LSTMKIT_LSTM && !c.peephole && !c.coupled && !c.norm && c.P == c.H && !any_mask(c);
  if (!plain || c.T != 1 || c.D != 1 || c.B > kStepRows) return kNotHere;
  const S* x = static_cast<const S*>(c.x);
  for (int64_t layer = 0; layer < c.K; ++layer) {
    step_layer<S>(c, layer, x, layer == 0 ? c.I : c.H);
    x = static_cast<const S*>(c.last[0]) + layer * c.B * c.H;
  }
  for (int64_t k = 0; k < c.B * c.H; ++k) static_cast<S*>(c.y)[k] = x[k];
  return 0;
}
