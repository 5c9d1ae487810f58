/* Weights, packed in the order in which products read them. Included once per target, inside its namespace. */

/* Transpose a square of n vectors: swap the halves off the diagonal, then those of the four quarters, and so on. */
template <class S>
inline void transpose(Vec<S> (&v)[Lanes<S>::n]) {
  constexpr int64_t n = Lanes<S>::n;
  using Indices = decltype(Vec<S>{} < Vec<S>{});
#pragma GCC unroll 4
  for (int64_t half = n / 2; half > 0; half /= 2) {
    Indices upper, lower;
    for (int64_t k = 0; k < n; ++k) {
      upper[k] = k & half ? n + k - half : k;
      lower[k] = k & half ? n + k : k + half;
    }
#pragma GCC unroll 16
    for (int64_t k = 0; k < n; ++k) {
      if (k & half) continue;
      const Vec<S> a = v[k], b = v[k + half];
      v[k] = __builtin_shuffle(a, b, upper);
      v[k + half] = __builtin_shuffle(a, b, lower);
    }
  }
}

/* to[k * to_stride + lane] = from[lane * from_stride + k] for k below `width` and `lanes` lanes, at most n; `written`
 * is how many lanes are written, and those from `lanes` on are zero. */
template <class S>
void transpose_lanes(const S* from, int64_t from_stride, int64_t width, int64_t lanes, S* to, int64_t to_stride,
                     int64_t written) {
  constexpr int64_t n = Lanes<S>::n;
  for (int64_t first = 0; first < width; first += n) {
    const int64_t count = width - first < n ? width - first : n;
    Vec<S> square[n];
    for (int64_t k = 0; k < n; ++k) {
      square[k] = k < lanes ? load_some(from + k * from_stride + first, count) : Vec<S>{};
    }
    transpose<S>(square);
    for (int64_t k = 0; k < count; ++k) store_some(to + (first + k) * to_stride, square[k], written);
  }
}

/* w (G H, width) to out[block][k][gate][lane], zero in the lanes beyond H. */
template <class S>
void pack_gates(const Shape<S>& s, const S* w, int64_t width, S* out) {
  const int64_t n = s.n, group = s.G * n;
  for (int64_t j = 0; j < s.blocks; ++j) {
    for (int64_t g = 0; g < s.G; ++g) {
      const S* from = w + (g * s.H + j * n) * width;
      transpose_lanes<S>(from, width, width, s.in_block(j), out + j * width * group + g * n, group, n);
    }
  }
}

/* b_ih + b_hh as a row of gates; zeros without biases. */
template <class S>
void pack_bias(const Shape<S>& s, const S* b_ih, const S* b_hh, S* out) {
  const int64_t n = s.n;
  for (int64_t k = 0; k < s.wide; ++k) {
    const int64_t unit = k / (s.G * n) * n + k % n, at = k / n % s.G * s.H + unit;
    out[k] = b_ih != nullptr && unit < s.H ? b_ih[at] + b_hh[at] : S(0);
  }
}

/* Columns (depth, columns) in panels of 4 vectors, the last one as narrow as it can be: out[panel][k][vector][lane]. */
template <class S>
struct PanelPack {
  int64_t depth, columns;
  S* out;
  static int64_t values(int64_t depth, int64_t columns) { return depth * round_up(columns, Lanes<S>::n); }
  /* Row k of the columns; null: zeros. */
  void row(int64_t k, const S* from) const {
    constexpr int64_t n = Lanes<S>::n;
    const int64_t all = round_up(columns, n);
    for (int64_t first = 0; first < all; first += 4 * n) {
      const int64_t width = all - first < 4 * n ? all - first : 4 * n;
      S* to = out + first * depth + k * width;
      for (int64_t at = 0; at < width; at += n) {
        const int64_t left = columns - first - at;
        store<S>(to + at, from == nullptr ? Vec<S>{} : load_some(from + first + at, left < n ? left : n));
      }
    }
  }
};

/* w (G H, width) as panels of its columns, with the rows in the order of a row of gates. */
template <class S>
void pack_transposed(const Shape<S>& s, const S* w, int64_t width, S* out) {
  const int64_t n = s.n;
  const PanelPack<S> pack{s.wide, width, out};
  for (int64_t k = 0; k < s.wide; ++k) {
    const int64_t unit = k / (s.G * n) * n + k % n, gate = k / n % s.G;
    pack.row(k, unit < s.H ? w + (gate * s.H + unit) * width : nullptr);
  }
}
