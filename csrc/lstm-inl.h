/* The LSTM, forward and backward, for one instruction set. Included once per target, inside its namespace; nothing here is
 * visible outside, and no template of the standard library is used, so that no copy made for one machine reaches another.
 *
 * Units stand in blocks of one vector. Packed weights, gates and gate gradients are gate-interleaved: for a block, the
 * vectors i, f, g, o stand together, so that a step's products end in the registers where the cell is computed.
 * A row is one (time, sequence) pair, numbered t * B + b.
 */

/* Rows in a register tile: 4 accumulators each, beside 4 vectors of weights and one broadcast. */
constexpr int kRows = LSTMKIT_BYTES == 64 || LSTMKIT_BYTES == 16 ? 6 : 3;
constexpr int64_t kBlockSteps = 16;   /* time steps whose input products are made together */
constexpr int64_t kBlockDepth = 128;  /* inputs per pass of a product: the packed weights of a block stay in L1 */

/* acc[r][v] += sum over k of a[r][k] * b[k][v], with b packed in rows of NV vectors. */
template <class S, int MB, int NV>
inline __attribute__((always_inline)) void multiply(Vec<S> (&acc)[MB][NV], const S* const* a, const S* b, int64_t depth) {
  const S* rows[MB];
  for (int r = 0; r < MB; ++r) rows[r] = a[r];
  for (int64_t k = 0; k < depth; ++k, b += NV * Lanes<S>::n) {
    Vec<S> w[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) w[v] = load<S>(b + v * Lanes<S>::n);
#pragma GCC unroll 8
    for (int r = 0; r < MB; ++r) {
      const Vec<S> s = splat<S>(rows[r][k]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] += s * w[v];
    }
  }
}

/* Call f.template operator()<MB>(first) for tiles of at most kRows rows that cover `count`. */
template <int MB, class F>
inline void tile_of(int64_t left, int64_t first, F& f) {
  if (left == MB) {
    f.template tile<MB>(first);
  } else if constexpr (MB > 1) {
    tile_of<MB - 1>(left, first, f);
  }
}
template <class F>
inline void tiles(int64_t count, F& f) {
  int64_t first = 0;
  for (; first + kRows <= count; first += kRows) f.template tile<kRows>(first);
  if (first < count) tile_of<kRows - 1>(count - first, first, f);
}

template <class S>
struct Shape {
  int64_t T, B, I, H, K, D, blocks, wide; /* wide: 4 H padded to whole blocks, the width of a row of gates */
  static constexpr int64_t n = Lanes<S>::n;
  explicit Shape(const lstmkit_lstm& c)
      : T(c.T), B(c.B), I(c.I), H(c.H), K(c.K), D(c.D), blocks((c.H + n - 1) / n), wide(4 * n * blocks) {}
  int64_t inputs(int64_t layer) const { return layer == 0 ? I : D * H; }
  int64_t in_block(int64_t j) const { return H - j * n < n ? H - j * n : n; }
  int64_t gate_values() const { return T * B * wide; }
  int64_t cell_values() const { return T * B * n * blocks; }
  /* What the forward of one direction of one layer keeps: activated gates, and cells. */
  int64_t kept() const { return gate_values() + cell_values(); }
  int64_t reserve_values() const { return K * D * kept() + (K - 1) * T * B * D * H; }
};

/* Memory for the length of a call. */
struct Arena {
  void* held[64];
  int count = 0;
  bool failed = false;
  ~Arena() {
    for (int k = 0; k < count; ++k) __builtin_free(held[k]);
  }
  template <class S>
  S* take(int64_t values) {
    void* p = nullptr;
    const int64_t bytes = (values > 0 ? values : 1) * static_cast<int64_t>(sizeof(S));
    if (count == 64 || posix_memalign(&p, 64, static_cast<size_t>((bytes + 63) / 64 * 64)) != 0) {
      failed = true;
      return nullptr;
    }
    held[count++] = p;
    return static_cast<S*>(p);
  }
};

/* Rows of a batch in the order in which they are worked: longest first. */
struct Order {
  int64_t* row;    /* (B,) sequence at each place */
  int64_t* length; /* (B,) of that sequence */
};

inline bool make_order(Arena& arena, const int64_t* lengths, int64_t B, int64_t T, Order& order) {
  order.row = arena.take<int64_t>(B);
  order.length = arena.take<int64_t>(B);
  int64_t* starts = arena.take<int64_t>(T + 2);
  if (arena.failed) return false;
  for (int64_t t = 0; t < T + 2; ++t) starts[t] = 0;
  for (int64_t b = 0; b < B; ++b) ++starts[T - (lengths ? lengths[b] : T) + 1];
  for (int64_t t = 1; t < T + 2; ++t) starts[t] += starts[t - 1];
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = lengths ? lengths[b] : T;
    const int64_t place = starts[T - length]++;
    order.row[place] = b;
    order.length[place] = length;
  }
  return true;
}

/* w (4H, width) to out[block][k][gate][lane], zero in the lanes beyond H. */
template <class S>
void pack_gates(const Shape<S>& s, const S* w, int64_t width, S* out) {
  const int64_t n = s.n;
  for (int64_t j = 0; j < s.blocks; ++j) {
    S* block = out + j * width * 4 * n;
    for (int64_t g = 0; g < 4; ++g) {
      for (int64_t lane = 0; lane < n; ++lane) {
        const int64_t unit = j * n + lane;
        const S* row = w + (g * s.H + unit) * width;
        for (int64_t k = 0; k < width; ++k) block[(k * 4 + g) * n + lane] = unit < s.H ? row[k] : S(0);
      }
    }
  }
}

/* w (4H, width) to out[panel of 4 vectors of columns][gate row, as a row of gates is laid out][vector][lane]. */
template <class S>
void pack_transposed(const Shape<S>& s, const S* w, int64_t width, S* out) {
  const int64_t n = s.n, panels = (width + 4 * n - 1) / (4 * n);
  for (int64_t p = 0; p < panels; ++p) {
    for (int64_t j = 0; j < s.blocks; ++j) {
      for (int64_t g = 0; g < 4; ++g) {
        for (int64_t lane = 0; lane < n; ++lane) {
          const int64_t unit = j * n + lane;
          const S* row = w + (g * s.H + unit) * width;
          S* to = out + (p * s.wide + (j * 4 + g) * n + lane) * 4 * n;
          for (int64_t k = 0; k < 4 * n; ++k) {
            const int64_t column = p * 4 * n + k;
            to[k] = unit < s.H && column < width ? row[column] : S(0);
          }
        }
      }
    }
  }
}

/* One direction of one layer, as every task of it sees it. */
template <class S>
struct Pass {
  const Shape<S>* shape;
  const Order* order;
  int64_t direction, inputs, chunks;
  const S* x;      /* (T, B, inputs) */
  const S* h0;     /* (B, H) */
  const S* c0;     /* (B, H) */
  const S* w_x;    /* packed */
  const S* w_h;    /* packed */
  const S* bias;   /* (wide) */
  S* y;            /* (T, B, D * H), from this direction's column on */
  S* hn;           /* (B, H) */
  S* cn;           /* (B, H) */
  S* gates;        /* (T * B, wide), or null: inference */
  S* cells;        /* (T * B, blocks * n), or null */
  /* backward */
  const S* dy;     /* (T, B, D * H), from this direction's column on */
  const S* dhn;
  const S* dcn;
  const S* w_ht;   /* packed, transposed */
  const S* w_xt;   /* packed, transposed, or null: no gradient of x */
  S* da;           /* (T * B, wide) */
  S* dx;           /* (T, B, inputs) */
  bool add;        /* dx is added to, not written */
  S* dh0;
  S* dc0;
  S *dw_ih, *dw_hh, *db;

  /* The row at step `step` of the sequence at place `place`. */
  int64_t row(int64_t place, int64_t step) const {
    const int64_t t = direction ? order->length[place] - 1 - step : step;
    return t * shape->B + order->row[place];
  }
};

/* A task works on every `chunks`-th place, so that long and short sequences spread evenly; its own rows stay sorted. */
template <class S>
struct Chunk {
  const Pass<S>& p;
  const Shape<S>& s;
  int64_t number, count;
  Chunk(const Pass<S>& pass, int64_t k)
      : p(pass), s(*pass.shape), number(k), count((pass.shape->B - k + pass.chunks - 1) / pass.chunks) {}
  int64_t place(int64_t local) const { return number + local * p.chunks; }
  int64_t length(int64_t local) const { return p.order->length[place(local)]; }
  /* How many of the rows have a step `step`: a prefix, because they are sorted. */
  int64_t alive(int64_t step, int64_t from) const {
    while (from > 0 && length(from - 1) <= step) --from;
    return from;
  }
};

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

/* Weight gradients of one block of units for some columns of the input or of the state: sums over rows, in a fixed order. */
template <class S>
struct Sums {
  const S* const* source; /* per row */
  const S* const* da;     /* per row, at the block */
  S* acc;                 /* (columns, 4 n) */
  int64_t rows, column;
  template <int MB>
  void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> sum[MB][4];
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) sum[r][g] = load<S>(acc + ((first + r) * 4 + g) * n);
    }
    for (int64_t k = 0; k < rows; ++k) {
      const S* from = source[k] + column + first;
      Vec<S> d[4];
      for (int g = 0; g < 4; ++g) d[g] = load<S>(da[k] + g * n);
#pragma GCC unroll 8
      for (int r = 0; r < MB; ++r) {
        const Vec<S> v = splat<S>(from[r]);
#pragma GCC unroll 8
        for (int g = 0; g < 4; ++g) sum[r][g] += v * d[g];
      }
    }
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) store<S>(acc + ((first + r) * 4 + g) * n, sum[r][g]);
    }
  }
};

constexpr int64_t kSumColumns = 4 * kRows; /* columns of a task */
constexpr int64_t kSumRows = 128;          /* rows of gate gradients that stay in L1 meanwhile */

/* Rows that are no padding, in order of time: where each one's input, state before and gate gradients stand. */
template <class S>
struct RowList {
  const S **x, **h, **da;
  int64_t count;
};

template <class S>
bool list_rows(Arena& arena, const Pass<S>& p, RowList<S>& list) {
  const Shape<S>& s = *p.shape;
  const int64_t all = s.T * s.B, width = s.D * s.H;
  list.x = arena.take<const S*>(all);
  list.h = arena.take<const S*>(all);
  list.da = arena.take<const S*>(all);
  if (arena.failed) return false;
  list.count = 0;
  const int64_t longest = s.B ? p.order->length[0] : 0;
  for (int64_t step = 0; step < longest; ++step) {
    for (int64_t place = 0; place < s.B && p.order->length[place] > step; ++place) {
      const int64_t row = p.row(place, step);
      list.x[list.count] = p.x + row * p.inputs;
      list.h[list.count] = step ? p.y + p.row(place, step - 1) * width : p.h0 + p.order->row[place] * s.H;
      list.da[list.count++] = p.da + row * s.wide;
    }
  }
  return true;
}

template <class S>
void sum_columns(const Pass<S>& p, const RowList<S>& list, int64_t j, const S* const* source, int64_t column,
                 int64_t columns, int64_t all_columns, S* out) {
  const Shape<S>& s = *p.shape;
  constexpr int64_t n = Lanes<S>::n;
  alignas(64) S acc[kSumColumns * 4 * n];
  for (int64_t k = 0; k < columns * 4 * n; ++k) acc[k] = S(0);
  const S* da[kSumRows];
  for (int64_t first = 0; first < list.count; first += kSumRows) {
    const int64_t rows = list.count - first < kSumRows ? list.count - first : kSumRows;
    for (int64_t k = 0; k < rows; ++k) da[k] = list.da[first + k] + j * 4 * n;
    Sums<S> sums{source + first, da, acc, rows, column};
    tiles(columns, sums);
  }
  for (int64_t g = 0; g < 4; ++g) {
    for (int64_t lane = 0; lane < s.in_block(j); ++lane) {
      S* row = out + (g * s.H + j * n + lane) * all_columns + column;
      for (int64_t k = 0; k < columns; ++k) row[k] = acc[(k * 4 + g) * n + lane];
    }
  }
}

template <class S>
void sum_bias(const Pass<S>& p, const RowList<S>& list, int64_t j) {
  const Shape<S>& s = *p.shape;
  constexpr int64_t n = Lanes<S>::n;
  Vec<S> sum[4] = {};
  for (int64_t k = 0; k < list.count; ++k) {
    for (int g = 0; g < 4; ++g) sum[g] += load<S>(list.da[k] + (j * 4 + g) * n);
  }
  for (int64_t g = 0; g < 4; ++g) store_some<S>(p.db + g * s.H + j * n, sum[g], s.in_block(j));
}

/* Task numbers of one pass: for each block of units, groups of input columns, groups of state columns, and the bias. */
template <class S>
int64_t sum_tasks(const Pass<S>& p) {
  const int64_t x = (p.inputs + kSumColumns - 1) / kSumColumns, h = (p.shape->H + kSumColumns - 1) / kSumColumns;
  return p.shape->blocks * (x + h + 1);
}

template <class S>
void sum_task(const Pass<S>& p, const RowList<S>& list, int64_t number) {
  const int64_t H = p.shape->H;
  const int64_t x = (p.inputs + kSumColumns - 1) / kSumColumns, h = (H + kSumColumns - 1) / kSumColumns;
  const int64_t j = number / (x + h + 1), group = number % (x + h + 1);
  if (group == x + h) {
    if (p.db != nullptr) sum_bias<S>(p, list, j);
    return;
  }
  const bool is_input = group < x;
  const int64_t all = is_input ? p.inputs : H, column = (is_input ? group : group - x) * kSumColumns;
  const int64_t columns = all - column < kSumColumns ? all - column : kSumColumns;
  sum_columns<S>(p, list, j, is_input ? list.x : list.h, column, columns, all, is_input ? p.dw_ih : p.dw_hh);
}
