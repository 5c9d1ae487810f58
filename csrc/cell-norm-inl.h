/* What the forms of the LSTM with layer norms share; each has what the extended LSTM has. Included once per target,
 * inside its namespace.
 *
 * A layer norm is scale * normal + shift, with normal = (value - mean) * inverse and inverse one over the deviation. It
 * needs all units of a row before it gives the first, so these cells work on whole rows. The lanes beyond H are zero in
 * normals and in scales, and so in every sum. */

template <class S, int64_t bytes>
struct Part {
  typedef S Vector __attribute__((vector_size(bytes)));
};
/* The sum of the lanes, halves first. Copied as memory, a half is one instruction; lane by lane it would be a loop. */
template <class S, int64_t bytes = LSTMKIT_BYTES>
inline S sum_of(typename Part<S, bytes>::Vector v) {
  if constexpr (bytes == 2 * sizeof(S)) {
    return v[0] + v[1];
  } else {
    typename Part<S, bytes / 2>::Vector half[2];
    __builtin_memcpy(half, &v, bytes);
    return sum_of<S, bytes / 2>(half[0] + half[1]);
  }
}
inline float root_of(float x) { return __builtin_sqrtf(x); }
inline double root_of(double x) { return __builtin_sqrt(x); }

template <class S>
struct Moments {
  S mean, inverse;
};

/* The mean of all values that V sums were made of, in every `out`; or, not together, of each by itself. */
template <bool together, class S, int V>
inline void means(const Shape<S>& s, const Vec<S> (&sum)[V], S (&out)[V]) {
  Vec<S> all = sum[0];
  for (int v = 1; together && v < V; ++v) all += sum[v];
  const S one = together ? sum_of<S>(all) / static_cast<S>(V * s.H) : S(0);
  for (int v = 0; v < V; ++v) out[v] = together ? one : sum_of<S>(sum[v]) / static_cast<S>(s.H);
}

/* The moments of V vectors of every block, blocks `stride` apart. The mean goes first and is subtracted from the values
 * before they are squared: a difference of two sums of squares would lose a small deviation beside a large mean. */
template <bool together, class S, int V>
inline void measure(const Shape<S>& s, double epsilon, const S* valid, const S* row, int64_t stride,
                    Moments<S> (&out)[V]) {
  constexpr int64_t n = Lanes<S>::n;
  Vec<S> sum[V] = {}, squares[V] = {};
  S mean[V], variance[V];
  for (int64_t j = 0; j < s.blocks; ++j) {
    for (int v = 0; v < V; ++v) sum[v] += load<S>(row + j * stride + v * n);
  }
  means<together>(s, sum, mean);
  for (int64_t j = 0; j < s.blocks; ++j) {
    const Vec<S> in = load<S>(valid + j * n);
    for (int v = 0; v < V; ++v) {
      const Vec<S> d = (load<S>(row + j * stride + v * n) - mean[v]) * in;
      squares[v] += d * d;
    }
  }
  means<together>(s, squares, variance);
  for (int v = 0; v < V; ++v) out[v] = {mean[v], S(1) / root_of(variance[v] + static_cast<S>(epsilon))};
}

template <class S>
inline Vec<S> normal_of(Vec<S> value, Moments<S> m, Vec<S> in) {
  return (value - m.mean) * (in * m.inverse);
}

/* Gradients through layer norms: what moves the mean or the length of the normals moves nothing. `d` is the gradient of
 * the normal; first it is summed over the row, then taken off. */
template <class S, int V>
struct NormGradients {
  Vec<S> sum[V] = {}, along[V] = {};
  S mean[V], slope[V];
  void add(int v, Vec<S> d, Vec<S> normal) {
    sum[v] += d;
    along[v] += d * normal;
  }
  /* Of `count` values for each v. */
  void finish(int64_t count) {
    for (int v = 0; v < V; ++v) {
      mean[v] = sum_of<S>(sum[v]) / static_cast<S>(count);
      slope[v] = sum_of<S>(along[v]) / static_cast<S>(count);
    }
  }
  Vec<S> value(int v, Vec<S> d, Vec<S> normal, S inverse) const { return (d - mean[v] - normal * slope[v]) * inverse; }
};

/* Weights and places of both forms. */
template <class S, int G>
struct NormLstm : ExtendedLstm<S, G> {
  using Base = ExtendedLstm<S, G>;
  using Base::n, Base::p, Base::s;
  static constexpr bool whole_rows = true;
  static constexpr int own = 3, most = 6; /* packed by the base; tensors of layer norms */
  using Base::Base;

  static S* take_gates(const Shape<S>& s, Arena& arena, const void* from) {
    S* to = arena.take<S>(s.wide);
    if (to != nullptr) pack_gates(s, static_cast<const S*>(from), 1, to);
    return to;
  }
  static S* take_units(const Shape<S>& s, Arena& arena, const void* from) {
    S* to = arena.take<S>(s.padded);
    for (int64_t u = 0; to != nullptr && u < s.padded; ++u) {
      to[u] = u >= s.H ? S(0) : from == nullptr ? S(1) : static_cast<const S*>(from)[u];
    }
    return to;
  }
  /* packed[0 .. 2]: of the base; packed[3]: one in every lane that is a unit. */
  static const S** pack_base(Pass<S>& p, Arena& arena) {
    const S** packed = arena.take<const S*>(own + 1 + most);
    if (packed == nullptr || !Base::pack(p, arena)) return nullptr;
    for (int k = 0; k < own; ++k) packed[k] = p.packed[k];
    packed[own] = take_units(*p.shape, arena, nullptr);
    p.packed = packed;
    return packed;
  }
  /* The first tensor of the layer norms among the weights of the cell's own. */
  static int norms_at(const lstmkit_stack& c) { return Base::is_projected(c) + (c.peephole != 0); }

  const S* valid() const { return p.packed[own]; }
  static int64_t normals_at(const Shape<S>& s) { return s.extra_at + (s.P != s.H ? s.padded : 0); }
  /* Gradients of scale * normal + shift; those of the base are before them. */
  static int64_t norm_gradients_at(const Shape<S>& s) { return s.gradients_at + (s.P != s.H ? s.padded_output : 0); }

  /* Ask for the G vectors at `at` of a row a few rows on: rows are too far apart for the machine to foresee it. */
  static void fetch(const S* const* rows, int64_t k, int64_t count, int64_t at) {
    constexpr int64_t ahead = 8, line = 64 / sizeof(S);
    const S* from = rows[k + ahead < count ? k + ahead : k] + at;
    for (int64_t v = 0; v < G * n; v += line) __builtin_prefetch(from + v);
  }
  static void clear(void* to, int64_t values) {
    for (int64_t k = 0; k < values; ++k) static_cast<S*>(to)[k] = S(0);
  }
  /* Add V sums of block j to a tensor of V vectors of H. */
  template <int V>
  static void add_sums(const Shape<S>& s, int64_t j, const Vec<S> (&sum)[V], void* tensor) {
    for (int v = 0; tensor != nullptr && v < V; ++v) {
      S* to = static_cast<S*>(tensor) + v * s.H + j * n;
      store_some(to, load_some(to, s.in_block(j)) + sum[v], s.in_block(j));
    }
  }
};
