/* The Mogrifier LSTM: before an LSTM step, x and h scale each other in rounds k = 1, 2, ...: the odd ones x by
 * 2 sigmoid(M h), the even ones h by 2 sigmoid(M x). Included once per target, inside its namespace.
 *
 * The kept row has as extra values: the last x, the gates of all rounds, what the rounds but the last two made (of
 * these, one is the last x and the other what the recurrence reads), and with a rank the product with the right factor
 * of each round. The row of gradients has those of the rounds' products, then those with the right factors. */

/* Where the values of the rounds stand; rounds are counted from 1. */
struct Rounds {
  int64_t count, rank;
  int64_t wide_x, wide_h, wide_rank; /* in whole vectors; of the widest layer */

  /* The values that the rounds before k make, in whole vectors. */
  int64_t made_before(int64_t k) const { return k < 2 ? 0 : k / 2 * wide_x + (k - 1) / 2 * wide_h; }
  int64_t gate(int64_t k) const { return wide_x + made_before(k); }
  int64_t made(int64_t k) const { return gate(count + 1) + made_before(k); }
  int64_t inner(int64_t k) const { return made(count - 1) + (k - 1) * wide_rank; }
  int64_t extra() const { return inner(count + 1); }
  int64_t d_inner(int64_t k) const { return made_before(count + 1) + (k - 1) * wide_rank; }
  int64_t gradients(int64_t vector) const { return d_inner(count + 1) + 3 * vector; } /* see add_vector */
  int64_t matrices() const { return rank > 0 ? 2 * count : count; } /* of a round: all of it; or left, right */
};

template <class S>
struct Mogrifier : CellDefaults<S> {
  static constexpr int gates = 4, cells = 1;
  static constexpr bool moves_input = true;
  static constexpr int64_t n = Lanes<S>::n;
  const Pass<S>& p;
  const Shape<S>& s;
  const Rounds rounds;
  const Lstm<S> lstm;
  S** to = nullptr; /* of each row of a step: where a product goes */

  explicit Mogrifier(const Pass<S>& pass)
      : p(pass), s(*pass.shape), rounds(rounds_of(*pass.shape, *pass.call)), lstm(pass) {}

  static Rounds rounds_of(const Shape<S>& shape, const lstmkit_stack& c) {
    return {c.rounds, c.rank, round_up(shape.most_inputs(), n), shape.padded, round_up(c.rank, n)};
  }
  static Needs needs(const Shape<S>& shape, const lstmkit_stack& c) {
    const Rounds all = rounds_of(shape, c);
    return {true, all.extra(), all.gradients(n), 0};
  }
  static int64_t more_jobs(const lstmkit_stack& c) { return c.rank > 0 ? 2 * c.rounds : c.rounds; }

  /* Numbers that round k scales, and numbers by which it does. */
  static int64_t targets(const Pass<S>& pass, int64_t k) { return k % 2 ? pass.inputs : pass.shape->H; }
  static int64_t sources(const Pass<S>& pass, int64_t k) { return k % 2 ? pass.shape->H : pass.inputs; }

  /* packed[m]: matrix m for its product with rows (forward), or with gradients (backward). */
  static bool pack(Pass<S>& p, Arena& arena) {
    const Rounds all = rounds_of(*p.shape, *p.call);
    const int64_t wide = all.wide_x > all.wide_h ? all.wide_x : all.wide_h;
    const int64_t each = all.rank > 0 ? wide * all.wide_rank : all.wide_x * all.wide_h;
    const S** packed = arena.take<const S*>(all.matrices());
    S* out = arena.take<S>(all.matrices() * each);
    if (arena.failed) return false;
    for (int64_t m = 0; m < all.matrices(); ++m, out += each) {
      const int64_t k = all.rank > 0 ? m / 2 + 1 : m + 1;
      const bool left = all.rank > 0 && m % 2 == 0, right = all.rank > 0 && m % 2 == 1;
      const int64_t rows = right ? all.rank : targets(p, k), columns = left ? all.rank : sources(p, k);
      const S* from = static_cast<const S*>(p.more[m]);
      if (p.w_ht == nullptr) {
        pack_matrix(from, rows, columns, out);
      } else {
        for (int64_t row = 0; row < rows; ++row) PanelPack<S>{rows, columns, out}.row(row, from + row * columns);
      }
      packed[m] = out;
    }
    p.packed = packed;
    return true;
  }

  /* w (rows, columns) as panels of its rows, as PanelPack would pack the transposed matrix. */
  static void pack_matrix(const S* w, int64_t rows, int64_t columns, S* out) {
    const int64_t all = round_up(rows, n);
    for (int64_t first = 0; first < rows; first += n) {
      const int64_t panel = first / (4 * n) * 4 * n, width = all - panel < 4 * n ? all - panel : 4 * n;
      const int64_t lanes = rows - first < n ? rows - first : n;
      transpose_lanes<S>(w + first * columns, columns, columns, lanes, out + panel * columns + first - panel, width, n);
    }
  }

  bool prepare(Arena& arena, const Chunk<S>& chunk) {
    to = arena.take<S*>(chunk.count);
    return !arena.failed;
  }

  /* What round k made; in a kept row. */
  static int64_t made_at(const Shape<S>& shape, const Rounds& all, int64_t k) {
    if (k + 2 > all.count) return k % 2 ? shape.extra_at : shape.read_at;
    return shape.extra_at + all.made(k);
  }
  /* What round k scales. */
  const S* target(const S* kept, const S* previous, int64_t number, int64_t k) const {
    if (k > 2) return kept + made_at(s, rounds, k - 2);
    return k == 2 ? previous : p.x + number * p.inputs;
  }
  S* const* rows_at(S* const* rows, int64_t at, int64_t count) const {
    for (int64_t r = 0; r < count; ++r) to[r] = rows[r] + at;
    return to;
  }

  void before_step(const ForwardRows<S>& rows) {
    for (int64_t r = 0; rounds.count < 1 && r < rows.count; ++r) {
      copy(p.x + rows.number[r] * p.inputs, p.inputs, rows.kept[r] + s.extra_at);
    }
    for (int64_t r = 0; rounds.count < 2 && r < rows.count; ++r) {
      copy(rows.previous[r], s.H, rows.kept[r] + s.read_at);
    }
    for (int64_t k = 1; k <= rounds.count; ++k) {
      make_products(rows, k);
      for (int64_t r = 0; r < rows.count; ++r) {
        S* kept = rows.kept[r];
        scale(target(kept, rows.previous[r], rows.number[r], k), targets(p, k), kept + s.extra_at + rounds.gate(k),
              kept + made_at(s, rounds, k));
      }
    }
  }

  static void copy(const S* from, int64_t count, S* out) {
    for (int64_t u = 0; u < count; ++u) out[u] = from[u];
  }

  /* The products of round k, where its gates will stand; whole vectors, so that all of what is kept is finite. */
  void make_products(const ForwardRows<S>& rows, int64_t k) const {
    const int64_t at = k == 1 ? 0 : made_at(s, rounds, k - 1), gate = s.extra_at + rounds.gate(k);
    const S* const* from = rows.kept;
    if (k == 1) from = rows.previous;
    const int64_t wide = round_up(targets(p, k), n), inner = s.extra_at + rounds.inner(k);
    if (rounds.rank == 0) {
      const S* matrix = p.packed[k - 1];
      Panels<S>{from, at, rows_at(rows.kept, gate, rows.count), rows.count, matrix, sources(p, k), wide, false}.run();
      return;
    }
    const S *left = p.packed[2 * k - 2], *right = p.packed[2 * k - 1];
    Panels<S>{from, at, rows_at(rows.kept, inner, rows.count), rows.count, right, sources(p, k), rounds.wide_rank,
              false}
        .run();
    Panels<S>{rows.kept, inner, rows_at(rows.kept, gate, rows.count), rows.count, left, rounds.rank, wide, false}.run();
  }

  static void scale(const S* target, int64_t count, S* gate, S* made) {
    for (int64_t at = 0; at < count; at += n) {
      const Vec<S> g = sigmoid_of(load<S>(gate + at));
      store<S>(gate + at, g);
      store<S>(made + at, g * S(2) * load_some(target + at, count - at < n ? count - at : n));
    }
  }

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[gates]) const {
    lstm.forward_block(rows, r, j, a);
  }
  void backward_row(const BackwardRows<S>& rows, int64_t r) const { lstm.backward_row(rows, r); }

  void after_backward(const BackwardRows<S>& rows) {
    for (int64_t k = rounds.count; k > 0; --k) {
      for (int64_t r = 0; r < rows.count; ++r) {
        const S *kept = rows.kept[r], *scaled = target(kept, rows.previous[r], rows.number[r], k);
        scale_back(scaled, targets(p, k), kept + s.extra_at + rounds.gate(k), k % 2 ? rows.dx[r] : rows.d_read[r],
                   rows.gradients[r] + s.gradients_at + rounds.made_before(k));
      }
      add_source_gradients(rows, k);
    }
    for (int64_t r = 0; r < rows.count; ++r) {
      copy(rows.d_read[r], s.H, rows.dh[r]);
      if (p.dx == nullptr) continue;
      S* dx = p.dx + rows.number[r] * p.inputs;
      for (int64_t u = 0; u < p.inputs; ++u) dx[u] = p.add ? dx[u] + rows.dx[r][u] : rows.dx[r][u];
    }
  }

  /* d: in, of what was made; out, of what was scaled. */
  static void scale_back(const S* target, int64_t count, const S* gate, S* d, S* d_product) {
    for (int64_t at = 0; at < count; at += n) {
      const int64_t left = count - at < n ? count - at : n;
      const Vec<S> g = load<S>(gate + at), scaled = g * S(2) * load_some(d + at, left);
      store<S>(d_product + at, scaled * load_some(target + at, left) * (S(1) - g));
      store_some(d + at, scaled, left);
    }
  }

  void add_source_gradients(const BackwardRows<S>& rows, int64_t k) const {
    S* const* d_source = k % 2 ? rows.d_read : rows.dx;
    const int64_t at = s.gradients_at + rounds.made_before(k), inner = s.gradients_at + rounds.d_inner(k);
    const int64_t count = rows.count;
    if (rounds.rank == 0) {
      Panels<S>{rows.gradients, at, d_source, count, p.packed[k - 1], targets(p, k), sources(p, k), true}.run();
      return;
    }
    const S *left = p.packed[2 * k - 2], *right = p.packed[2 * k - 1];
    Panels<S>{rows.gradients, at, rows_at(rows.gradients, inner, count), count, left, targets(p, k), rounds.wide_rank,
              false}
        .run();
    Panels<S>{rows.gradients, inner, d_source, count, right, rounds.rank, sources(p, k), true}.run();
  }

  static void add_jobs(const Pass<S>& p, const Records<S>& records, JobList<S>& list) {
    const Shape<S>& s = *p.shape;
    const Rounds all = rounds_of(s, *p.call);
    for (int64_t k = 1; k <= all.count; ++k) {
      const S* const* from = k == 1 ? records.previous : records.kept;
      Source<S> source{from, k == 1 ? 0 : made_at(s, all, k - 1), sources(p, k), nullptr};
      const int64_t product_at = s.gradients_at + all.made_before(k);
      if (all.rank == 0) {
        source.out = static_cast<S*>(p.dmore[k - 1]);
        list.add_vector(targets(p, k), product_at, source);
      } else {
        const Source<S> inner{records.kept, s.extra_at + all.inner(k), all.rank, static_cast<S*>(p.dmore[2 * k - 2])};
        source.out = static_cast<S*>(p.dmore[2 * k - 1]);
        list.add_vector(targets(p, k), product_at, inner);
        list.add_vector(all.rank, s.gradients_at + all.d_inner(k), source);
      }
    }
  }
};
