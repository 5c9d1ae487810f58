/* Products of a few rows with packed weights, in registers. Included once per target, inside its namespace. */

/* Rows of a register tile that is NV vectors wide: its accumulators fill the registers that weights leave free. */
template <int NV>
constexpr int tile_rows() {
  constexpr int few[] = {8, 6, 4, 3}, many[] = {12, 12, 8, 6};
  return LSTMKIT_REGISTERS == 32 ? many[NV - 1] : few[NV - 1];
}

/* Inputs per pass of a product: 4 vectors of packed weights for each stay in L1 while all rows are worked. */
constexpr int64_t kDepth = 128;

/* acc[r][v] += sum over k of a[r][at + k] * b[k][v], with b packed in rows of NV vectors; vector SKIP is left alone. */
template <class S, int MB, int NV, int SKIP = -1>
inline __attribute__((always_inline)) void multiply(Vec<S> (&acc)[MB][NV], const S* const* a, int64_t at, const S* b,
                                                    int64_t depth) {
  const S* rows[MB];
  for (int r = 0; r < MB; ++r) rows[r] = a[r] + at;
  for (int64_t k = 0; k < depth; ++k, b += NV * Lanes<S>::n) {
    Vec<S> w[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) w[v] = load<S>(b + v * Lanes<S>::n);
#pragma GCC unroll 16
    for (int r = 0; r < MB; ++r) {
      const Vec<S> s = splat<S>(rows[r][k]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) {
        if (v != SKIP) acc[r][v] += s * w[v];
      }
    }
  }
}

template <int MB, class F>
inline void tile_of(int64_t rows, int64_t first, F& f) {
  if (rows == MB) {
    f.template tile<MB>(first);
  } else if constexpr (MB > 1) {
    tile_of<MB - 1>(rows, first, f);
  }
}

/* Call f.template tile<MB>(first) for tiles of at most MOST rows that cover `count`, as even as they can be: a tile of
 * few rows waits for its weights longer than it works. */
template <int MOST, class F>
inline void tiles(int64_t count, F& f) {
  const int64_t number = (count + MOST - 1) / MOST;
  int64_t first = 0;
  for (int64_t k = 0; k < number; ++k) {
    const int64_t rows = count / number + (k < count % number);
    tile_of<MOST>(rows, first, f);
    first += rows;
  }
}
