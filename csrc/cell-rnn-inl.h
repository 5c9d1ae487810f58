/* The Elman network with tanh. Included once per target, inside its namespace. */

template <class S>
struct Rnn : CellDefaults<S> {
  static constexpr int gates = 1, cells = 0;
  static constexpr int64_t n = Lanes<S>::n;
  const Shape<S>& s;
  explicit Rnn(const Pass<S>& p) : s(*p.shape) {}

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[gates]) const {
    const Vec<S> h = tanh_of(a[0]);
    store_some(rows.y[r] + j * n, h, s.in_block(j));
    if (rows.keep) store<S>(rows.kept[r] + j * n, h);
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    for (int64_t j = 0; j < s.blocks; ++j) {
      const Vec<S> h = load<S>(rows.kept[r] + j * n);
      const Vec<S> d_h = load_some(rows.dy[r] + j * n, s.in_block(j)) + load<S>(rows.dh[r] + j * n);
      store<S>(rows.gradients[r] + j * n, d_h * (S(1) - h * h));
    }
  }
};
