/* Weight gradients, after the time loop: sums over rows. Included once per target, inside its namespace. */

/* Weight gradients of one block of units for some columns of the input or of the state: sums over rows, in a fixed order. */
template <class S>
struct Sums {
  const S* const* source; /* per row */
  const S* const* da;     /* per row, at the block */
  S* acc;                 /* (columns, 4 n) */
  int64_t rows, column;
  template <int MB>
  void tile(int64_t first) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> sum[MB][4];
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) sum[r][g] = load<S>(acc + ((first + r) * 4 + g) * n);
    }
    for (int64_t k = 0; k < rows; ++k) {
      const S* from = source[k] + column + first;
      Vec<S> d[4];
      for (int g = 0; g < 4; ++g) d[g] = load<S>(da[k] + g * n);
#pragma GCC unroll 8
      for (int r = 0; r < MB; ++r) {
        const Vec<S> v = splat<S>(from[r]);
#pragma GCC unroll 8
        for (int g = 0; g < 4; ++g) sum[r][g] += v * d[g];
      }
    }
    for (int r = 0; r < MB; ++r) {
      for (int g = 0; g < 4; ++g) store<S>(acc + ((first + r) * 4 + g) * n, sum[r][g]);
    }
  }
};

constexpr int64_t kSumColumns = 4 * kRows; /* columns of a task */
constexpr int64_t kSumRows = 128;          /* rows of gate gradients that stay in L1 meanwhile */

/* Rows that are no padding, in order of time: where each one's input, state before and gate gradients stand. */
template <class S>
struct RowList {
  const S **x, **h, **da;
  int64_t count;
};

template <class S>
bool list_rows(Arena& arena, const Pass<S>& p, RowList<S>& list) {
  const Shape<S>& s = *p.shape;
  const int64_t all = s.T * s.B, width = s.D * s.H;
  list.x = arena.take<const S*>(all);
  list.h = arena.take<const S*>(all);
  list.da = arena.take<const S*>(all);
  if (arena.failed) return false;
  list.count = 0;
  const int64_t longest = s.B ? p.order->length[0] : 0;
  for (int64_t step = 0; step < longest; ++step) {
    for (int64_t place = 0; place < s.B && p.order->length[place] > step; ++place) {
      const int64_t row = p.row(place, step);
      list.x[list.count] = p.x + row * p.inputs;
      list.h[list.count] = step ? p.y + p.row(place, step - 1) * width : p.h0 + p.order->row[place] * s.H;
      list.da[list.count++] = p.da + row * s.wide;
    }
  }
  return true;
}

template <class S>
void sum_columns(const Pass<S>& p, const RowList<S>& list, int64_t j, const S* const* source, int64_t column,
                 int64_t columns, int64_t all_columns, S* out) {
  const Shape<S>& s = *p.shape;
  constexpr int64_t n = Lanes<S>::n;
  alignas(64) S acc[kSumColumns * 4 * n];
  for (int64_t k = 0; k < columns * 4 * n; ++k) acc[k] = S(0);
  const S* da[kSumRows];
  for (int64_t first = 0; first < list.count; first += kSumRows) {
    const int64_t rows = list.count - first < kSumRows ? list.count - first : kSumRows;
    for (int64_t k = 0; k < rows; ++k) da[k] = list.da[first + k] + j * 4 * n;
    Sums<S> sums{source + first, da, acc, rows, column};
    tiles(columns, sums);
  }
  for (int64_t g = 0; g < 4; ++g) {
    for (int64_t lane = 0; lane < s.in_block(j); ++lane) {
      S* row = out + (g * s.H + j * n + lane) * all_columns + column;
      for (int64_t k = 0; k < columns; ++k) row[k] = acc[(k * 4 + g) * n + lane];
    }
  }
}

template <class S>
void sum_bias(const Pass<S>& p, const RowList<S>& list, int64_t j) {
  const Shape<S>& s = *p.shape;
  constexpr int64_t n = Lanes<S>::n;
  Vec<S> sum[4] = {};
  for (int64_t k = 0; k < list.count; ++k) {
    for (int g = 0; g < 4; ++g) sum[g] += load<S>(list.da[k] + (j * 4 + g) * n);
  }
  for (int64_t g = 0; g < 4; ++g) store_some<S>(p.db + g * s.H + j * n, sum[g], s.in_block(j));
}

/* Task numbers of one pass: for each block of units, groups of input columns, groups of state columns, and the bias. */
template <class S>
int64_t sum_tasks(const Pass<S>& p) {
  const int64_t x = (p.inputs + kSumColumns - 1) / kSumColumns, h = (p.shape->H + kSumColumns - 1) / kSumColumns;
  return p.shape->blocks * (x + h + 1);
}

template <class S>
void sum_task(const Pass<S>& p, const RowList<S>& list, int64_t number) {
  const int64_t H = p.shape->H;
  const int64_t x = (p.inputs + kSumColumns - 1) / kSumColumns, h = (H + kSumColumns - 1) / kSumColumns;
  const int64_t j = number / (x + h + 1), group = number % (x + h + 1);
  if (group == x + h) {
    if (p.db != nullptr) sum_bias<S>(p, list, j);
    return;
  }
  const bool is_input = group < x;
  const int64_t all = is_input ? p.inputs : H, column = (is_input ? group : group - x) * kSumColumns;
  const int64_t columns = all - column < kSumColumns ? all - column : kSumColumns;
  sum_columns<S>(p, list, j, is_input ? list.x : list.h, column, columns, all, is_input ? p.dw_ih : p.dw_hh);
}
