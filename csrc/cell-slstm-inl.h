/* The sLSTM: exponential gates, a normaliser n beside the cell c, and the shift m of their exponentials, which carries
 * no gradient. Included once per target, inside its namespace.
 *
 * Gates: i f z o. The kept row has i' f' z o in their place, and then how log f grows with its pre-activation; -1 where
 * f' is held at 1, which makes it a constant. */

template <class S>
struct SLstm : CellDefaults<S> {
  static constexpr int gates = 4, cells = 3; /* c, n, m */
  static constexpr int64_t n = Lanes<S>::n;
  const Shape<S>& s;
  const bool exponential;
  bool* starts = nullptr; /* of each row of a step: n is all zero before it */

  explicit SLstm(const Pass<S>& p) : s(*p.shape), exponential(p.call->exponential) {}
  static Needs needs(const Shape<S>& shape, const lstmkit_stack&) { return {false, shape.padded, 0, 0}; }

  bool prepare(Arena& arena, const Chunk<S>& chunk) {
    starts = arena.take<bool>(chunk.count);
    return !arena.failed;
  }

  /* Almost always the first unit settles it. */
  void before_step(const ForwardRows<S>& rows) {
    for (int64_t r = 0; r < rows.count; ++r) {
      const S* norm = rows.before[r] + s.padded;
      int64_t u = 0;
      while (u < s.H && norm[u] == S(0)) ++u;
      starts[r] = u == s.H;
    }
  }

  /* log f and how it grows with its pre-activation a. */
  Vec<S> log_forget(Vec<S> a, Vec<S>& slope) const {
    slope = splat(S(1));
    if (exponential) return a;
    const Vec<S> small = exp_of(a < S(0) ? a : -a); /* exp(-|a|), or NaN */
    slope = (a < S(0) ? splat(S(1)) : small) / (small + S(1));
    return (a > S(0) ? Vec<S>{} : a) - log1p_of(small);
  }

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[gates]) const {
    const int64_t at = j * n;
    const S* before = rows.before[r] + at;
    Vec<S> slope;
    const Vec<S> reach = load<S>(before + 2 * s.padded) + log_forget(a[1], slope);
    Vec<S> shift = a[0];
    if (!starts[r]) shift = reach > a[0] ? reach : reach == reach ? a[0] : reach; /* NaN of either comes through */
    const Vec<S> i = exp_of(a[0] - shift), beyond = reach - shift;
    const Vec<S> f = exp_of(beyond > S(0) ? Vec<S>{} : beyond), z = tanh_of(a[2]), o = sigmoid_of(a[3]);
    const Vec<S> c = rounded(f * load<S>(before)) + i * z, norm = f * load<S>(before + s.padded) + i;
    store<S>(rows.cells[r] + at, c);
    store<S>(rows.cells[r] + s.padded + at, norm);
    store<S>(rows.cells[r] + 2 * s.padded + at, shift);
    store_some(rows.y[r] + at, o * c / norm, s.in_block(j));
    if (!rows.keep) return;
    S* kept = rows.kept[r] + j * gates * n;
    store<S>(kept, i);
    store<S>(kept + n, f);
    store<S>(kept + 2 * n, z);
    store<S>(kept + 3 * n, o);
    store<S>(rows.kept[r] + s.extra_at + at, reach > shift ? splat(S(-1)) : slope);
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    for (int64_t j = 0; j < s.blocks; ++j) backward_block(rows, r, j);
  }

  void backward_block(const BackwardRows<S>& rows, int64_t r, int64_t j) const {
    const int64_t at = j * n;
    const S *kept = rows.kept[r] + j * gates * n, *after = rows.kept[r] + s.cells_at + at;
    const S* before = rows.before[r] + at;
    S *to = rows.gradients[r] + j * gates * n, *d = rows.dcells[r] + at;
    const Vec<S> i = load<S>(kept), f = load<S>(kept + n), z = load<S>(kept + 2 * n), o = load<S>(kept + 3 * n);
    const Vec<S> slope = load<S>(rows.kept[r] + s.extra_at + at);
    const Vec<S> inverse = S(1) / load<S>(after + s.padded), ratio = load<S>(after) * inverse;
    const Vec<S> d_h = load_some(rows.dy[r] + at, s.in_block(j)) + load<S>(rows.dh[r] + at);
    const Vec<S> by_ratio = rounded(d_h * o * inverse);
    const Vec<S> d_c = load<S>(d) + by_ratio, d_n = load<S>(d + s.padded) - by_ratio * ratio;
    const Vec<S> d_i = rounded(d_c * z) + d_n, d_f = rounded(d_c * load<S>(before)) + d_n * load<S>(before + s.padded);
    const Vec<S> d_log = slope < S(0) ? Vec<S>{} : d_f * f;
    store<S>(to, d_i * i);
    store<S>(to + n, d_log * slope);
    store<S>(to + 2 * n, d_c * i * (S(1) - z * z));
    store<S>(to + 3 * n, d_h * ratio * o * (S(1) - o));
    store<S>(d, d_c * f);
    store<S>(d + s.padded, d_n * f);
    store<S>(d + 2 * s.padded, d_log);
  }
};
