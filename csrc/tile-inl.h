/* Products of a few rows with packed weights, in registers. Included once per target, inside its namespace. */

/* Rows in a register tile: 4 accumulators each, beside 4 vectors of weights and one broadcast. */
constexpr int kRows = LSTMKIT_BYTES == 64 || LSTMKIT_BYTES == 16 ? 6 : 3;

/* acc[r][v] += sum over k of a[r][k] * b[k][v], with b packed in rows of NV vectors. */
template <class S, int MB, int NV>
inline __attribute__((always_inline)) void multiply(Vec<S> (&acc)[MB][NV], const S* const* a, const S* b, int64_t depth) {
  const S* rows[MB];
  for (int r = 0; r < MB; ++r) rows[r] = a[r];
  for (int64_t k = 0; k < depth; ++k, b += NV * Lanes<S>::n) {
    Vec<S> w[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) w[v] = load<S>(b + v * Lanes<S>::n);
#pragma GCC unroll 8
    for (int r = 0; r < MB; ++r) {
      const Vec<S> s = splat<S>(rows[r][k]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) acc[r][v] += s * w[v];
    }
  }
}

/* Call f.template operator()<MB>(first) for tiles of at most kRows rows that cover `count`. */
template <int MB, class F>
inline void tile_of(int64_t left, int64_t first, F& f) {
  if (left == MB) {
    f.template tile<MB>(first);
  } else if constexpr (MB > 1) {
    tile_of<MB - 1>(left, first, f);
  }
}
template <class F>
inline void tiles(int64_t count, F& f) {
  int64_t first = 0;
  for (; first + kRows <= count; first += kRows) f.template tile<kRows>(first);
  if (first < count) tile_of<kRows - 1>(count - first, first, f);
}
