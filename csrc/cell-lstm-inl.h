/* The LSTM of torch, without anything else: the fast one. Included once per target, inside its namespace. */

template <class S>
struct Lstm : CellDefaults<S> {
  static constexpr int gates = 4, cells = 1;
  static constexpr int64_t n = Lanes<S>::n;
  const Shape<S>& s;
  explicit Lstm(const Pass<S>& p) : s(*p.shape) {}

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[gates]) const {
    const int64_t at = j * n;
    const Vec<S> i = sigmoid_of(a[0]), f = sigmoid_of(a[1]), g = tanh_of(a[2]), o = sigmoid_of(a[3]);
    const Vec<S> c = rounded(f * load<S>(rows.before[r] + at)) + i * g;
    store<S>(rows.cells[r] + at, c);
    store_some(rows.y[r] + at, o * tanh_of(c), s.in_block(j));
    if (rows.keep) {
      S* kept = rows.kept[r] + j * gates * n;
      store<S>(kept, i);
      store<S>(kept + n, f);
      store<S>(kept + 2 * n, g);
      store<S>(kept + 3 * n, o);
    }
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    const S *kept = rows.kept[r], *cell = kept + s.cells_at, *before = rows.before[r];
    S *to = rows.gradients[r], *dc = rows.dcells[r];
    for (int64_t j = 0; j < s.blocks; ++j, kept += gates * n, to += gates * n) {
      const int64_t at = j * n;
      const Vec<S> i = load<S>(kept), f = load<S>(kept + n), g = load<S>(kept + 2 * n), o = load<S>(kept + 3 * n);
      const Vec<S> out = tanh_of(load<S>(cell + at));
      const Vec<S> d_out = load_some(rows.dy[r] + at, s.in_block(j)) + load<S>(rows.dh[r] + at);
      const Vec<S> d_cell = load<S>(dc + at) + d_out * o * (S(1) - out * out);
      store<S>(to, d_cell * g * i * (S(1) - i));
      store<S>(to + n, d_cell * load<S>(before + at) * f * (S(1) - f));
      store<S>(to + 2 * n, d_cell * i * (S(1) - g * g));
      store<S>(to + 3 * n, d_out * out * o * (S(1) - o));
      store<S>(dc + at, d_cell * f);
    }
  }
};
