/* The LSTM with any of: peepholes, coupled gates (three gates), zoneout, dropout on the candidate, locked dropout on
 * the state, recurrent projection. Included once per target, inside its namespace.
 *
 * Gates: i f g o, or with coupled ones k g o, where k is the gate that is kept. In the kept row follows, if projected,
 * what is projected ("inner", H); in the row of gradients, the gradient of the projection (P). */

template <class S, int G>
struct ExtendedLstm : CellDefaults<S> {
  static constexpr int gates = G, cells = 1;
  static constexpr bool carries = true, sums_units = true;
  static constexpr int64_t n = Lanes<S>::n;
  const Pass<S>& p;
  const Shape<S>& s;
  const bool peephole, projected;
  const S** mask[LSTMKIT_MASKS]; /* of each row of a step, or null */
  S *inner = nullptr, **inner_rows = nullptr; /* backward of the projection */

  explicit ExtendedLstm(const Pass<S>& pass)
      : p(pass), s(*pass.shape), peephole(pass.call->peephole), projected(is_projected(*pass.call)) {}
  static bool is_projected(const lstmkit_stack& c) { return c.P != c.H; }

  static Needs needs(const Shape<S>& shape, const lstmkit_stack& c) {
    const int64_t inner = is_projected(c) ? shape.padded : 0, output = is_projected(c) ? shape.padded_output : 0;
    return {c.masks[LSTMKIT_STATE].values != nullptr, inner, output, 0};
  }

  /* packed[0]: peepholes, padded; packed[1], [2]: w_hr as panels of its rows and of its columns. */
  static bool pack(Pass<S>& p, Arena& arena) {
    const Shape<S>& s = *p.shape;
    const S** packed = arena.take<const S*>(3);
    S* peepholes = arena.take<S>(3 * s.padded);
    S* forth = arena.take<S>(PanelPack<S>::values(s.H, s.P));
    S* back = arena.take<S>(PanelPack<S>::values(s.P, s.H));
    S* column = arena.take<S>(s.P);
    if (arena.failed) return false;
    int next = 0;
    if (is_projected(*p.call)) {
      const S* w = static_cast<const S*>(p.more[next++]);
      for (int64_t k = 0; k < s.P; ++k) PanelPack<S>{s.P, s.H, back}.row(k, w + k * s.H);
      for (int64_t k = 0; k < s.H; ++k) {
        for (int64_t u = 0; u < s.P; ++u) column[u] = w[u * s.H + k];
        PanelPack<S>{s.H, s.P, forth}.row(k, column);
      }
    }
    for (int64_t k = 0; p.call->peephole && k < (G - 1) * s.padded; ++k) {
      const int64_t unit = k % s.padded;
      peepholes[k] = unit < s.H ? static_cast<const S*>(p.more[next])[k / s.padded * s.H + unit] : S(0);
    }
    packed[0] = peepholes;
    packed[1] = forth;
    packed[2] = back;
    p.packed = packed;
    return true;
  }

  bool prepare(Arena& arena, const Chunk<S>& chunk) {
    for (int k = 0; k < LSTMKIT_MASKS; ++k) {
      mask[k] = p.call->masks[k].values == nullptr ? nullptr : arena.take<const S*>(chunk.count);
    }
    if (projected) {
      inner = arena.take<S>(chunk.count * s.padded);
      inner_rows = arena.take<S*>(chunk.count);
    }
    return !arena.failed;
  }

  void find_masks(int64_t count, const int64_t* number) {
    for (int k = 0; k < LSTMKIT_MASKS; ++k) {
      const lstmkit_mask& given = p.call->masks[k];
      const int64_t width = k == LSTMKIT_ZONEOUT_H || k == LSTMKIT_STATE ? s.P : s.H;
      for (int64_t r = 0; given.values != nullptr && r < count; ++r) {
        const int64_t t = given.steps > 1 ? number[r] / s.B : 0, b = given.sequences > 1 ? number[r] % s.B : 0;
        const int64_t row = (p.state() * given.steps + t) * given.sequences + b;
        mask[k][r] = static_cast<const S*>(given.values) + row * width;
      }
    }
  }
  Vec<S> mask_of(int which, int64_t r, int64_t j) const { return load_some(mask[which][r] + j * n, s.in_block(j)); }
  Vec<S> peephole_of(int which, int64_t j) const { return load<S>(p.packed[0] + which * s.padded + j * n); }

  void before_step(const ForwardRows<S>& rows) {
    find_masks(rows.count, rows.number);
    for (int64_t r = 0; mask[LSTMKIT_STATE] != nullptr && r < rows.count; ++r) {
      S* read = rows.kept[r] + s.read_at;
      for (int64_t u = 0; u < s.P; ++u) read[u] = rows.previous[r][u] * mask[LSTMKIT_STATE][r][u];
    }
  }

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, Vec<S> (&a)[G]) const {
    const Vec<S> before = load<S>(rows.before[r] + j * n);
    for (int g = 0; peephole && g < G - 2; ++g) a[g] += peephole_of(g, j) * before;
    const Vec<S> c = cell_block(rows, r, j, a);
    if (peephole) a[G - 1] += peephole_of(G - 2, j) * c;
    const Vec<S> o = sigmoid_of(a[G - 1]);
    finish_block(rows, r, j, rounded(o * tanh_of(c)));
    if (rows.keep) store<S>(rows.kept[r] + (j * G + G - 1) * n, o);
  }

  /* Write the new cell, and the gates it is made of, from their pre-activations; return it. */
  Vec<S> cell_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[G]) const {
    const Vec<S> before = load<S>(rows.before[r] + j * n), kept_gate = sigmoid_of(a[0]), g = tanh_of(a[G - 2]);
    const bool keeps_forget = p.call->coupled == LSTMKIT_KEEPS_FORGET;
    const Vec<S> i = G == 4 || !keeps_forget ? kept_gate : S(1) - kept_gate;
    const Vec<S> f = G == 4 ? sigmoid_of(a[1]) : keeps_forget ? kept_gate : S(1) - kept_gate;
    Vec<S> c = rounded(f * before) + i * (mask[LSTMKIT_CANDIDATE] ? rounded(g * mask_of(LSTMKIT_CANDIDATE, r, j)) : g);
    if (mask[LSTMKIT_ZONEOUT_C]) {
      const Vec<S> m = mask_of(LSTMKIT_ZONEOUT_C, r, j);
      c = rounded(m * before) + (S(1) - m) * c;
    }
    store<S>(rows.cells[r] + j * n, c);
    if (rows.keep) {
      S* kept = rows.kept[r] + j * G * n;
      store<S>(kept, kept_gate);
      if (G == 4) store<S>(kept + n, f);
      store<S>(kept + (G - 2) * n, g);
    }
    return c;
  }

  void finish_block(const ForwardRows<S>& rows, int64_t r, int64_t j, Vec<S> out) const {
    if (projected) return store<S>(rows.kept[r] + s.extra_at + j * n, out);
    if (mask[LSTMKIT_ZONEOUT_H]) {
      const Vec<S> m = mask_of(LSTMKIT_ZONEOUT_H, r, j), old = load_some(rows.previous[r] + j * n, s.in_block(j));
      out = rounded(m * old) + (S(1) - m) * out;
    }
    store_some(rows.y[r] + j * n, out, s.in_block(j));
  }

  void after_step(const ForwardRows<S>& rows) {
    if (!projected) return;
    Panels<S>{rows.kept, s.extra_at, rows.y, rows.count, p.packed[1], s.H, s.P, false}.run();
    for (int64_t r = 0; mask[LSTMKIT_ZONEOUT_H] != nullptr && r < rows.count; ++r) {
      for (int64_t u = 0; u < s.P; ++u) {
        const S m = mask[LSTMKIT_ZONEOUT_H][r][u];
        rows.y[r][u] = m * rows.previous[r][u] + (S(1) - m) * rows.y[r][u];
      }
    }
  }

  /* With a projection: gradients of what it gave and of what it read, and in dh what zoneout carries past it. */
  void before_backward(const BackwardRows<S>& rows) {
    find_masks(rows.count, rows.number);
    if (!projected) return;
    for (int64_t r = 0; r < rows.count; ++r) {
      S *dh = rows.dh[r], *out = rows.gradients[r] + s.gradients_at;
      for (int64_t u = 0; u < s.padded_output; ++u) {
        const S d = u < s.P ? rows.dy[r][u] + dh[u] : S(0);
        const S m = mask[LSTMKIT_ZONEOUT_H] && u < s.P ? mask[LSTMKIT_ZONEOUT_H][r][u] : S(0);
        out[u] = (S(1) - m) * d;
        dh[u] = m * d;
      }
      inner_rows[r] = inner + r * s.padded;
    }
    Panels<S>{rows.gradients, s.gradients_at, inner_rows, rows.count, p.packed[2], s.P, s.padded, false}.run();
  }

  /* The gradient of o tanh(c); without a projection, dh becomes what zoneout carries to h before. */
  Vec<S> d_inner(const BackwardRows<S>& rows, int64_t r, int64_t j) const {
    if (projected) return load<S>(inner + r * s.padded + j * n);
    S* dh = rows.dh[r] + j * n;
    const Vec<S> d = load_some(rows.dy[r] + j * n, s.in_block(j)) + load<S>(dh);
    const Vec<S> m = mask[LSTMKIT_ZONEOUT_H] ? mask_of(LSTMKIT_ZONEOUT_H, r, j) : Vec<S>{};
    store<S>(dh, m * d);
    return (S(1) - m) * d;
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    for (int64_t j = 0; j < s.blocks; ++j) backward_block(rows, r, j);
  }

  void backward_block(const BackwardRows<S>& rows, int64_t r, int64_t j) const {
    const int64_t at = j * n;
    S *to = rows.gradients[r] + j * G * n, *dc = rows.dcells[r] + at;
    const S* kept = rows.kept[r];
    const Vec<S> o = load<S>(kept + (j * G + G - 1) * n), out = tanh_of(load<S>(kept + s.cells_at + at));
    const Vec<S> d_out = d_inner(rows, r, j);
    Vec<S> d[G];
    d[G - 1] = d_out * out * o * (S(1) - o);
    Vec<S> d_cell = load<S>(dc) + rounded(d_out * o * (S(1) - out * out));
    if (peephole) d_cell += peephole_of(G - 2, j) * d[G - 1];
    Vec<S> d_before = cell_gradients(rows, r, j, d_cell, d);
    for (int g = 0; peephole && g < G - 2; ++g) d_before += peephole_of(g, j) * d[g];
    for (int g = 0; g < G; ++g) store<S>(to + g * n, d[g]);
    store<S>(dc, d_before);
  }

  /* Fill the gradients of the pre-activations that cell_block read, from that of the cell; return that of the cell
   * before, without what comes by the peepholes. */
  Vec<S> cell_gradients(const BackwardRows<S>& rows, int64_t r, int64_t j, Vec<S> d_cell, Vec<S> (&d)[G]) const {
    const bool keeps_forget = p.call->coupled == LSTMKIT_KEEPS_FORGET;
    const S* kept = rows.kept[r] + j * G * n;
    const Vec<S> before = load<S>(rows.before[r] + j * n), kept_gate = load<S>(kept), g = load<S>(kept + (G - 2) * n);
    const Vec<S> i = G == 4 || !keeps_forget ? kept_gate : S(1) - kept_gate;
    const Vec<S> f = G == 4 ? load<S>(kept + n) : keeps_forget ? kept_gate : S(1) - kept_gate;
    Vec<S> d_before{};
    if (mask[LSTMKIT_ZONEOUT_C]) {
      const Vec<S> m = mask_of(LSTMKIT_ZONEOUT_C, r, j);
      d_before = m * d_cell;
      d_cell = (S(1) - m) * d_cell;
    }
    const Vec<S> m = mask[LSTMKIT_CANDIDATE] ? mask_of(LSTMKIT_CANDIDATE, r, j) : splat(S(1));
    const Vec<S> d_i = rounded(d_cell * g * m), d_f = rounded(d_cell * before);
    const Vec<S> d_kept = G == 4 ? d_i : keeps_forget ? d_f - d_i : d_i - d_f;
    d[0] = rounded(d_kept * kept_gate * (S(1) - kept_gate));
    if (G == 4) d[1] = rounded(d_f * f * (S(1) - f));
    d[G - 2] = d_cell * i * m * (S(1) - g * g);
    return d_before + rounded(d_cell * f);
  }

  void after_backward(const BackwardRows<S>& rows) {
    for (int64_t r = 0; mask[LSTMKIT_STATE] != nullptr && r < rows.count; ++r) {
      for (int64_t u = 0; u < s.P; ++u) rows.dh[r][u] += rows.d_read[r][u] * mask[LSTMKIT_STATE][r][u];
    }
  }

  static void add_jobs(const Pass<S>& p, const Records<S>& records, JobList<S>& list) {
    const Shape<S>& s = *p.shape;
    if (!is_projected(*p.call)) return;
    list.add(1, s.P, s.gradients_at, {records.kept, s.extra_at, s.H, static_cast<S*>(p.dmore[0])});
  }

  static S* d_peepholes(const Pass<S>& p) {
    return p.call->peephole ? static_cast<S*>(p.dmore[is_projected(*p.call) ? 1 : 0]) : nullptr;
  }
  static void start_sums(const Pass<S>& p) {
    S* d = d_peepholes(p);
    for (int64_t k = 0; d != nullptr && k < (G - 1) * p.shape->H; ++k) d[k] = S(0);
  }
  static void sum_units(const Pass<S>& p, const Records<S>& records, int64_t j) { sum_peepholes(p, records, j, 0); }
  /* The gradients that peepholes see stand at gradients_at of the rows. */
  static void sum_peepholes(const Pass<S>& p, const Records<S>& records, int64_t j, int64_t gradients_at) {
    const Shape<S>& s = *p.shape;
    S* d = d_peepholes(p);
    if (d == nullptr) return;
    Vec<S> sum[G - 1] = {};
    for (int64_t k = 0; k < records.count; ++k) {
      const S* gradients = records.gradients[k] + gradients_at + j * G * n;
      const Vec<S> before = load<S>(records.before[k] + j * n), after = load<S>(records.kept[k] + s.cells_at + j * n);
      for (int g = 0; g < G - 2; ++g) sum[g] += load<S>(gradients + g * n) * before;
      sum[G - 2] += load<S>(gradients + (G - 1) * n) * after;
    }
    for (int g = 0; g < G - 1; ++g) {
      S* to = d + g * s.H + j * n;
      store_some(to, load_some(to, s.in_block(j)) + sum[g], s.in_block(j));
    }
  }
};
