/* One direction of one layer, backward through time: gates, input and initial state. Included once per target, inside its
 * namespace. */

/* Gradients of one step at one row, from the gradients of its output and of the cell after it. */
template <class S>
inline void backward_cell(const Shape<S>& s, const S* gates, const S* cell, const S* before, const S* dy, const S* dh,
                          S* dc, S* da) {
  constexpr int64_t n = Lanes<S>::n;
  for (int64_t j = 0; j < s.blocks; ++j) {
    const int64_t at = j * n, in_block = s.in_block(j);
    const S* kept = gates + j * 4 * n;
    const Vec<S> i = load<S>(kept), f = load<S>(kept + n), g = load<S>(kept + 2 * n), o = load<S>(kept + 3 * n);
    const Vec<S> out = tanh_of(load<S>(cell + at));
    const Vec<S> above = in_block == n ? load<S>(dy + at) : load_some<S>(dy + at, in_block);
    const Vec<S> d_out = above + load<S>(dh + at);
    const Vec<S> d_cell = load<S>(dc + at) + d_out * o * (S(1) - out * out);
    S* to = da + j * 4 * n;
    store<S>(to, d_cell * g * i * (S(1) - i));
    store<S>(to + n, d_cell * load<S>(before + at) * f * (S(1) - f));
    store<S>(to + 2 * n, d_cell * i * (S(1) - g * g));
    store<S>(to + 3 * n, d_out * out * o * (S(1) - o));
    store<S>(dc + at, d_cell * f);
  }
}

/* out[r] (+)= a[r] . packed for one panel of columns; only `columns` of the 4 n are written. */
template <class S>
struct PanelProducts {
  const S* const* a;
  S* const* out;
  const S* packed;
  int64_t depth, columns;
  bool add;
  template <int MB>
  void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> acc[MB][4] = {};
    multiply<S, MB, 4>(acc, a + first, packed, depth);
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) {
        S* to = out[first + r] + g * n;
        const int64_t left = columns - g * n;
        if (left >= n) {
          store<S>(to, add ? load<S>(to) + acc[r][g] : acc[r][g]);
        } else if (left > 0) {
          store_some<S>(to, add ? load_some<S>(to, left) + acc[r][g] : acc[r][g], left);
        }
      }
    }
  }
};

template <class S>
void panels(const S** a, S** out, S** out_at, int64_t count, const S* packed, int64_t depth, int64_t columns, bool add) {
  constexpr int64_t panel = 4 * Lanes<S>::n;
  for (int64_t k = 0; k < columns; k += panel) {
    for (int64_t r = 0; r < count; ++r) out_at[r] = out[r] + k;
    PanelProducts<S> work{a, out_at, packed + k * depth, depth, columns - k, add};
    tiles(count, work);
  }
}

template <class S>
bool backward_chunk(const Pass<S>& p, int64_t number) {
  const Shape<S>& s = *p.shape;
  const Chunk<S> chunk(p, number);
  const int64_t n = s.n, count = chunk.count, padded = s.blocks * n, width = s.D * s.H;
  Arena arena;
  S* dh = arena.take<S>(count * padded);
  S* dc = arena.take<S>(count * padded);
  S* c0 = arena.take<S>(count * padded);
  const S** a = arena.take<const S*>(count);
  S** out = arena.take<S*>(2 * count);
  if (arena.failed) return false;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t b = p.order->row[chunk.place(r)];
    for (int64_t u = 0; u < padded; ++u) {
      dh[r * padded + u] = u < s.H ? p.dhn[b * s.H + u] : S(0);
      dc[r * padded + u] = u < s.H ? p.dcn[b * s.H + u] : S(0);
      c0[r * padded + u] = u < s.H ? p.c0[b * s.H + u] : S(0);
    }
  }
  const int64_t longest = count ? chunk.length(0) : 0;
  for (int64_t step = longest - 1; step >= 0; --step) {
    const int64_t alive = chunk.alive(step, count);
    for (int64_t r = 0; r < alive; ++r) {
      const int64_t row = p.row(chunk.place(r), step);
      const S* before = step ? p.cells + p.row(chunk.place(r), step - 1) * padded : c0 + r * padded;
      backward_cell<S>(s, p.gates + row * s.wide, p.cells + row * padded, before, p.dy + row * width, dh + r * padded,
                       dc + r * padded, p.da + row * s.wide);
      a[r] = p.da + row * s.wide;
      out[r] = dh + r * padded;
    }
    panels<S>(a, out, out + count, alive, p.w_ht, s.wide, s.H, false);
  }
  for (int64_t r = 0; r < count; ++r) {
    const int64_t b = p.order->row[chunk.place(r)];
    for (int64_t u = 0; u < s.H; ++u) p.dh0[b * s.H + u] = dh[r * padded + u];
    for (int64_t u = 0; u < s.H; ++u) p.dc0[b * s.H + u] = dc[r * padded + u];
  }
  if (p.dx == nullptr) return true;
  const int64_t most = 64;
  const S** from = arena.take<const S*>(most);
  S** to = arena.take<S*>(2 * most);
  if (arena.failed) return false;
  int64_t held = 0;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t step = 0; step < chunk.length(r); ++step) {
      const int64_t row = p.row(chunk.place(r), step);
      from[held] = p.da + row * s.wide;
      to[held] = p.dx + row * p.inputs;
      if (++held == most) {
        panels<S>(from, to, to + most, held, p.w_xt, s.wide, p.inputs, p.add);
        held = 0;
      }
    }
    if (!p.add) {
      for (int64_t t = chunk.length(r); t < s.T; ++t) {
        S* ended = p.dx + (t * s.B + p.order->row[chunk.place(r)]) * p.inputs;
        for (int64_t k = 0; k < p.inputs; ++k) ended[k] = S(0);
      }
    }
  }
  panels<S>(from, to, to + most, held, p.w_xt, s.wide, p.inputs, p.add);
  return true;
}
