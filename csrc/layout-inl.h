/* How a call is laid out in memory, and how it is shared among tasks. Included once per target, inside its namespace.
 *
 * Units stand in blocks of one vector. Packed weights, gates and gate gradients are gate-interleaved: for a block, the
 * G vectors of its gates stand together, so that a step's products end in the registers where the cell is computed.
 * A row is one (time, sequence) pair, numbered t * B + b.
 *
 * A training forward keeps for each row: the gates, the states besides h ("cells"), what the recurrence read if that is
 * not the output before, and what else the cell asks for. The backward makes for each row its gradients: those of the
 * gates, and what else the cell asks for.
 */

inline int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

/* Whole cache lines, an odd number: rows at a power of two apart would fall into the same few sets of a cache. */
template <class S>
int64_t spread(int64_t values) {
  constexpr int64_t line = 64 / sizeof(S);
  const int64_t lines = (values + line - 1) / line;
  return (lines + 1 - lines % 2) * line;
}

template <class S>
struct Shape {
  static constexpr int64_t n = Lanes<S>::n;
  int64_t T, B, I, H, P, K, D;
  int64_t G, cells;         /* gates; states besides h */
  int64_t blocks, padded;   /* of units; H in whole blocks */
  int64_t wide;             /* a row of gates: G padded */
  int64_t padded_output;    /* P in whole blocks */
  int64_t cells_at;         /* in a kept row: cells, padded each */
  int64_t read_at;          /* in a kept row: the h that the recurrence read (P), or -1: it reads the output before */
  int64_t products_at;      /* in a kept row: recurrent products by themselves, or -1: they are added to the gates */
  int64_t extra_at;         /* in a kept row: what the cell asked for */
  int64_t kept_row;         /* values of a kept row */
  int64_t input_at;         /* in a row of gradients: those of the input products; 0: the recurrent ones serve */
  int64_t gradients_at;     /* in a row of gradients: what the cell asked for */
  int64_t gradient_row;     /* values of a row of gradients */
  int64_t carried_at;       /* in what is carried back for a sequence: what the cell asked for, after dh and cells */
  int64_t carried_row;
  int64_t inputs(int64_t layer) const { return layer == 0 ? I : D * P; }
  int64_t most_inputs() const { return K > 1 && D * P > I ? D * P : I; }
  int64_t in_block(int64_t j) const { return H - j * n < n ? H - j * n : n; }
  int64_t kept() const { return T * B * kept_row; }
  int64_t output() const { return T * B * D * P; }
  /* What a training forward keeps: rows of every layer and direction, and the outputs of all layers but the last. */
  int64_t reserve_values() const { return K * D * kept() + (K - 1) * output(); }
};

/* What a cell asks for beyond gates and cells, in values; `reads`: the recurrence does not read the output before. */
struct Needs {
  bool reads = false;
  int64_t extra = 0, gradients = 0, carried = 0;
};

template <class Cell>
Shape<typename Cell::Scalar> make_shape(const lstmkit_stack& c) {
  using S = typename Cell::Scalar;
  Shape<S> s = {};
  s.T = c.T, s.B = c.B, s.I = c.I, s.H = c.H, s.P = c.P, s.K = c.K, s.D = c.D;
  s.G = Cell::gates;
  s.cells = Cell::cells;
  s.blocks = (s.H + s.n - 1) / s.n;
  s.padded = s.blocks * s.n;
  s.padded_output = round_up(s.P, s.n);
  s.wide = s.G * s.padded;
  const Needs needs = Cell::needs(s, c);
  s.cells_at = s.wide;
  s.read_at = needs.reads ? s.cells_at + s.cells * s.padded : -1;
  const int64_t after_read = s.cells_at + s.cells * s.padded + (needs.reads ? s.padded_output : 0);
  s.products_at = Cell::separate ? after_read : -1;
  s.extra_at = after_read + (Cell::separate ? s.wide : 0);
  s.kept_row = spread<S>(s.extra_at + needs.extra);
  s.input_at = Cell::separate ? s.wide : 0;
  s.gradients_at = s.wide + s.input_at;
  s.gradient_row = spread<S>(s.gradients_at + needs.gradients);
  s.carried_at = s.padded_output + s.cells * s.padded;
  s.carried_row = s.carried_at + needs.carried;
  return s;
}

/* Memory for the length of a call. */
struct Arena {
  static constexpr int most = 64;
  void* held[most];
  size_t sizes[most];
  int count = 0;
  bool failed = false;
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (int k = 0; k < count; ++k) give_memory(held[k], sizes[k]);
  }
  template <class S>
  S* take(int64_t values) {
    const size_t bytes = static_cast<size_t>(values) * sizeof(S);
    void* p = count == most ? nullptr : take_memory(bytes);
    if (p == nullptr) {
      failed = true;
      return nullptr;
    }
    held[count] = p;
    sizes[count++] = bytes;
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

constexpr int kMostCells = 3;

/* One direction of one layer, as every task of it sees it. */
template <class S>
struct Pass {
  const lstmkit_stack* call;
  const Shape<S>* shape;
  const Order* order;
  int64_t layer, direction, inputs, chunks;
  const S* x;                 /* (T, B, inputs) */
  const S* h0;                /* (B, P) */
  const S* cell0[kMostCells]; /* (B, H) */
  const S* w_x;               /* packed */
  const S* w_h;               /* packed */
  const S* bias;              /* (wide) */
  const void* const* more;    /* tensors of the weights after w_ih, w_hh and biases, as the caller gave them */
  const S* const* packed;     /* what the cell packed of them */
  S* y;                       /* (T, B, D * P), from this direction's column on */
  S* last_h;                  /* (B, P) */
  S* last_cell[kMostCells];   /* (B, H) */
  S* kept;                    /* (T * B, kept_row), or null: inference */
  /* backward */
  const S* dy;                     /* (T, B, D * P), from this direction's column on */
  const S* dlast_h;                /* (B, P) */
  const S* dlast_cell[kMostCells]; /* (B, H) */
  const S* w_ht;                   /* packed, transposed */
  const S* w_xt;                   /* packed, transposed, or null: no gradient of x */
  const S* padded_cell0;           /* (B, cells, padded) */
  S* gradients;                    /* (steps of a block * B, gradient_row) */
  S* carried;                      /* (B, carried_row), at places: dh, gradients of the cells, the cell's own */
  int64_t begin, end;              /* the block of steps */
  S* dx;                           /* (T, B, inputs), or null */
  bool add;                        /* dx is added to, not written */
  S* dh0;
  S* dcell0[kMostCells];
  S *dw_ih, *dw_hh, *db, *db_twin;
  void* const* dmore;

  int64_t state() const { return layer * shape->D + direction; }
  /* The row at step `step` of the sequence at place `place`. */
  int64_t row(int64_t place, int64_t step) const {
    const int64_t t = direction ? order->length[place] - 1 - step : step;
    return t * shape->B + order->row[place];
  }
  /* h and cells of the sequence at `place` before step `step`; of a training call. */
  const S* h_before(int64_t place, int64_t step) const {
    return step ? y + row(place, step - 1) * shape->D * shape->P : h0 + order->row[place] * shape->P;
  }
  const S* cells_before(int64_t place, int64_t step) const {
    return step ? kept + row(place, step - 1) * shape->kept_row + shape->cells_at
                : padded_cell0 + order->row[place] * shape->cells * shape->padded;
  }
  S* gradients_of(int64_t place, int64_t step) const {
    return gradients + ((step - begin) * shape->B + place) * shape->gradient_row;
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
  int64_t longest() const { return count ? length(0) : 0; }
  /* How many of the rows have a step `step`: a prefix, because they are sorted. */
  int64_t alive(int64_t step, int64_t from) const {
    while (from > 0 && length(from - 1) <= step) --from;
    return from;
  }
};
