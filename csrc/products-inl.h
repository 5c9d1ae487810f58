/* Products of lists of rows with packed weights, in memory. Included once per target, inside its namespace. */

/* out[r][block] (+)= a[r][at ...] . packed for one block of G vectors. */
template <class S, int G, int SKIP>
struct BlockProducts {
  const S* const* a;
  int64_t at;
  S* const* out;
  int64_t out_at;
  const S* start; /* (G n) what a row begins with, or null: what is in it */
  const S* packed;
  int64_t depth;
  template <int MB>
  __attribute__((noinline)) void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> acc[MB][G];
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < G; ++g) acc[r][g] = load<S>((start ? start : out[first + r] + out_at) + g * n);
    }
    multiply<S, MB, G, SKIP>(acc, a + first, at, packed, depth);
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < G; ++g) store<S>(out[first + r] + out_at + g * n, acc[r][g]);
    }
  }
};

/* out[r] = bias + x[r] W for `count` rows: block by block, depth by depth, so that the weights in use stay in L1. */
template <class S, int G, int SKIP>
void input_products(const Shape<S>& s, const S* const* x, S* const* out, int64_t count, int64_t inputs, const S* packed,
                    const S* bias) {
  constexpr int64_t group = G * Lanes<S>::n;
  for (int64_t j = 0; j < s.blocks; ++j) {
    for (int64_t k = 0; k < inputs || k == 0; k += kDepth) {
      const int64_t depth = inputs - k < kDepth ? inputs - k : kDepth;
      const S* start = k == 0 ? bias + j * group : nullptr;
      BlockProducts<S, G, SKIP> work{x, k, out, j * group, start, packed + (j * inputs + k) * group, depth};
      tiles<tile_rows<G>()>(count, work);
    }
  }
}

/* out[r][column ...] (+)= a[r][at ...] . packed for one panel of NV vectors, of which `columns` values are written. */
template <class S, int NV>
struct PanelProducts {
  const S* const* a;
  int64_t at;
  S* const* out;
  int64_t column, columns;
  const S* packed;
  int64_t depth;
  bool add;
  template <int MB>
  __attribute__((noinline)) void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    const int64_t last = columns - (NV - 1) * n; /* lanes of the last vector */
    Vec<S> acc[MB][NV] = {};
    for (int r = 0; add && r < MB; ++r) {
      for (int v = 0; v < NV; ++v) acc[r][v] = load_some(out[first + r] + column + v * n, v == NV - 1 ? last : n);
    }
    multiply<S, MB, NV>(acc, a + first, at, packed, depth);
    for (int r = 0; r < MB; ++r) {
      S* to = out[first + r] + column;
      for (int v = 0; v < NV - 1; ++v) store<S>(to + v * n, acc[r][v]);
      store_some(to + (NV - 1) * n, acc[r][NV - 1], last);
    }
  }
};

/* A product of `count` rows with weights packed by PanelPack: out[r] (+)= a[r][at ...] . packed. */
template <class S>
struct Panels {
  const S* const* a;
  int64_t at;
  S* const* out;
  int64_t count;
  const S* packed;
  int64_t depth, columns;
  bool add;
  bool reversed = false; /* from the last panel to the first */
  void run() const {
    constexpr int64_t n = Lanes<S>::n;
    const int64_t number = (columns + 4 * n - 1) / (4 * n);
    for (int64_t k = 0; k < number; ++k) {
      const int64_t column = (reversed ? number - 1 - k : k) * 4 * n, left = columns - column;
      if (left > 3 * n) {
        panel<4>(column);
      } else if (left > 2 * n) {
        panel<3>(column);
      } else if (left > n) {
        panel<2>(column);
      } else {
        panel<1>(column);
      }
    }
  }

 private:
  template <int NV>
  void panel(int64_t column) const {
    constexpr int64_t width = NV * Lanes<S>::n, step = kDepth * 4 / NV;
    const int64_t left = columns - column;
    for (int64_t k = 0; k < depth || k == 0; k += step) {
      PanelProducts<S, NV> work{a, at + k, out, column, left < width ? left : width,
                                packed + column * depth + k * width, depth - k < step ? depth - k : step, add || k > 0};
      tiles<tile_rows<NV>()>(count, work);
    }
  }
};
