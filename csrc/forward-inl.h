/* One direction of one layer, forward. Included once per target, inside its namespace. */

constexpr int64_t kBlockSteps = 16;  /* time steps whose input products are made together */
constexpr int64_t kBlockDepth = 128; /* inputs per pass of a product: the packed weights of a block stay in L1 */

/* out[r][block j] (+)= a[r] . packed, over a list of rows. */
template <class S>
struct Products {
  const S* const* a;
  S* const* out;
  const S* start; /* (4 n) what a row begins with, or null: what is in it */
  const S* packed;
  int64_t depth;
  template <int MB>
  void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> acc[MB][4];
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) acc[r][g] = load<S>((start ? start : out[first + r]) + g * n);
    }
    multiply<S, MB, 4>(acc, a + first, packed, depth);
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) store<S>(out[first + r] + g * n, acc[r][g]);
    }
  }
};

/* out[row] = start + x[row] W for `count` rows: depth by depth, block by block, so that the weights in use stay in L1. */
template <class S>
void input_products(const Shape<S>& s, const S** x, S** out, const S** x_at, S** out_at, int64_t count, int64_t inputs,
                    const S* packed, const S* bias) {
  constexpr int64_t n = Lanes<S>::n;
  for (int64_t k = 0; k < inputs || k == 0; k += kBlockDepth) {
    const int64_t depth = inputs - k < kBlockDepth ? inputs - k : kBlockDepth;
    for (int64_t r = 0; r < count; ++r) x_at[r] = x[r] + k;
    for (int64_t j = 0; j < s.blocks; ++j) {
      for (int64_t r = 0; r < count; ++r) out_at[r] = out[r] + j * 4 * n;
      Products<S> products{x_at, out_at, k == 0 ? bias + j * 4 * n : nullptr, packed + (j * inputs + k) * 4 * n, depth};
      tiles(count, products);
    }
  }
}

/* One step of a block of units for a tile of rows: recurrent products, activations, cell. */
template <class S>
struct ForwardStep {
  const Shape<S>& s;
  const S* const* h;       /* (H) state before the step */
  const S* const* before;  /* cell before, padded */
  S* const* gates;         /* in: input products; out: activated gates */
  S* const* cell;
  S* const* y;
  const S* w_h;
  int64_t j;
  bool keep;
  template <int MB>
  void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    const int64_t at = j * n, in_block = s.in_block(j);
    Vec<S> acc[MB][4];
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) acc[r][g] = load<S>(gates[first + r] + (j * 4 + g) * n);
    }
    multiply<S, MB, 4>(acc, h + first, w_h + j * s.H * 4 * n, s.H);
    for (int r = 0; r < MB; ++r) {
      const Vec<S> i = sigmoid_of(acc[r][0]), f = sigmoid_of(acc[r][1]);
      const Vec<S> g = tanh_of(acc[r][2]), o = sigmoid_of(acc[r][3]);
      const Vec<S> c = rounded(f * load<S>(before[first + r] + at)) + i * g;
      const Vec<S> out = o * tanh_of(c);
      store<S>(cell[first + r] + at, c);
      if (in_block == n) {
        store<S>(y[first + r] + at, out);
      } else {
        store_some<S>(y[first + r] + at, out, in_block);
      }
      if (keep) {
        S* kept = gates[first + r] + j * 4 * n;
        store<S>(kept, i);
        store<S>(kept + n, f);
        store<S>(kept + 2 * n, g);
        store<S>(kept + 3 * n, o);
      }
    }
  }
};

template <class S>
bool forward_chunk(const Pass<S>& p, int64_t number) {
  const Shape<S>& s = *p.shape;
  const Chunk<S> chunk(p, number);
  const int64_t n = s.n, count = chunk.count, padded = s.blocks * n, width = s.D * s.H;
  Arena arena;
  const bool keep = p.gates != nullptr;
  const int64_t block_rows = kBlockSteps * count;
  S* products = keep ? nullptr : arena.take<S>(block_rows * s.wide);
  S* carried = arena.take<S>(count * padded * 2); /* cells before the first step; in inference all cells */
  const S** x = arena.take<const S*>(2 * block_rows);
  S** out = arena.take<S*>(2 * block_rows);
  const S** h = arena.take<const S*>(2 * count);
  S** cell = arena.take<S*>(2 * count);
  if (arena.failed) return false;
  S** y = cell + count;
  const S** before = h + count;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t b = p.order->row[chunk.place(r)];
    for (int64_t u = 0; u < padded; ++u) carried[r * padded + u] = u < s.H ? p.c0[b * s.H + u] : S(0);
    h[r] = p.h0 + b * s.H;
    before[r] = carried + r * padded;
  }
  const int64_t longest = count ? chunk.length(0) : 0;
  int64_t alive = count;
  for (int64_t begin = 0; begin < longest; begin += kBlockSteps) {
    const int64_t end = begin + kBlockSteps < longest ? begin + kBlockSteps : longest;
    int64_t total = 0, running = alive;
    for (int64_t step = begin; step < end; ++step) {
      running = chunk.alive(step, running);
      for (int64_t r = 0; r < running; ++r, ++total) {
        const int64_t row = p.row(chunk.place(r), step);
        x[total] = p.x + row * p.inputs;
        out[total] = keep ? p.gates + row * s.wide : products + total * s.wide;
      }
    }
    input_products<S>(s, x, out, x + block_rows, out + block_rows, total, p.inputs, p.w_x, p.bias);
    S** gates = out;
    for (int64_t step = begin; step < end; ++step) {
      alive = chunk.alive(step, alive);
      for (int64_t r = 0; r < alive; ++r) {
        const int64_t row = p.row(chunk.place(r), step);
        y[r] = p.y + row * width;
        cell[r] = keep ? p.cells + row * padded : carried + (r + (step + 1) % 2 * count) * padded;
      }
      for (int64_t j = 0; j < s.blocks; ++j) {
        ForwardStep<S> work{s, h, before, gates, cell, y, p.w_h, j, keep};
        tiles(alive, work);
      }
      for (int64_t r = 0; r < alive; ++r) {
        h[r] = y[r];
        before[r] = cell[r];
      }
      gates += alive;
    }
  }
  for (int64_t r = 0; r < count; ++r) {
    const int64_t b = p.order->row[chunk.place(r)];
    for (int64_t u = 0; u < s.H; ++u) p.hn[b * s.H + u] = h[r][u];
    for (int64_t u = 0; u < s.H; ++u) p.cn[b * s.H + u] = before[r][u];
    for (int64_t t = chunk.length(r); t < s.T; ++t) {
      S* ended = p.y + (t * s.B + b) * width;
      for (int64_t u = 0; u < s.H; ++u) ended[u] = S(0);
    }
  }
  return true;
}
