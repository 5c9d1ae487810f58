/* How a call is laid out in memory, and how it is shared among tasks. Included once per target, inside its namespace.
 *
 * Units stand in blocks of one vector. Packed weights, gates and gate gradients are gate-interleaved: for a block, the
 * vectors i, f, g, o stand together, so that a step's products end in the registers where the cell is computed.
 * A row is one (time, sequence) pair, numbered t * B + b.
 */

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
