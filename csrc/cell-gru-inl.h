/* The GRU of torch and cuDNN, as four gates: r, z, and the candidate's part of x and part of h, which r multiplies:
 * n = tanh(n_x + r n_h), h = (1 - z) n + z h. Included once per target, inside its namespace. */

template <class S>
struct Gru : CellDefaults<S> {
  static constexpr int gates = 4, cells = 0;
  static constexpr bool carries = true;
  static constexpr int x_skips = 3, h_skips = 2;
  static constexpr int64_t n = Lanes<S>::n;
  const Shape<S>& s;
  explicit Gru(const Pass<S>& p) : s(*p.shape) {}

  void forward_block(const ForwardRows<S>& rows, int64_t number, int64_t j, const Vec<S> (&a)[gates]) const {
    const Vec<S> r = sigmoid_of(a[0]), z = sigmoid_of(a[1]);
    const Vec<S> candidate = tanh_of(a[2] + r * a[3]);
    const Vec<S> before = load_some(rows.previous[number] + j * n, s.in_block(j));
    store_some(rows.y[number] + j * n, candidate + z * (before - candidate), s.in_block(j));
    if (rows.keep) {
      S* kept = rows.kept[number] + j * gates * n;
      store<S>(kept, r);
      store<S>(kept + n, z);
      store<S>(kept + 2 * n, candidate);
      store<S>(kept + 3 * n, a[3]);
    }
  }

  void backward_row(const BackwardRows<S>& rows, int64_t number) const {
    const S* kept = rows.kept[number];
    S *to = rows.gradients[number], *dh = rows.dh[number];
    for (int64_t j = 0; j < s.blocks; ++j, kept += gates * n, to += gates * n) {
      const int64_t at = j * n, in_block = s.in_block(j);
      const Vec<S> r = load<S>(kept), z = load<S>(kept + n);
      const Vec<S> candidate = load<S>(kept + 2 * n), n_h = load<S>(kept + 3 * n);
      const Vec<S> d_h = load_some(rows.dy[number] + at, in_block) + load<S>(dh + at);
      const Vec<S> before = load_some(rows.previous[number] + at, in_block);
      const Vec<S> d_candidate = d_h * (S(1) - z) * (S(1) - candidate * candidate);
      store<S>(to, d_candidate * n_h * r * (S(1) - r));
      store<S>(to + n, d_h * (before - candidate) * z * (S(1) - z));
      store<S>(to + 2 * n, d_candidate);
      store<S>(to + 3 * n, d_candidate * r);
      store<S>(dh + at, d_h * z);
    }
  }
};
