/* Weight gradients: sums over the rows of a block of steps of products of two vectors. Included once per target, inside
 * its namespace.
 *
 * The gradient rows and the vectors they are multiplied with are copied to where the product reads one after another;
 * the copies are shared by all products. Every sum runs over the rows in their order and is continued from block to
 * block, so the bits depend neither on the number of threads nor on how the tasks are cut. */

constexpr int64_t kSumRows = 128; /* rows of gradients of one block of units that stay in L1 */

/* A vector of each row: `width` values from `at` on; or the number one, whose sum is that of a bias. */
template <class S>
struct Source {
  const S* const* rows; /* null: the number one */
  int64_t at, width;
  S* out; /* (gates * units, width) */
};

/* The sums of gradients (rows of `gates` interleaved gates of `units`) times sources. */
template <class S>
struct Job {
  int gates;
  bool plain; /* the gradients are one vector of `units`, of which `gates` blocks are worked together */
  int64_t units, gradients_at;
  Source<S> source[3];
  int sources;
  S* sums;   /* (blocks, groups of columns, tile_rows, gates n) */
  S* packed; /* (groups of rows, groups of columns, kSumRows, tile_rows) */

  int64_t columns() const {
    int64_t all = 0;
    for (int k = 0; k < sources; ++k) all += source[k].width;
    return all;
  }
  int64_t in_tile() const { return gates == 1 ? tile_rows<1>() : gates == 3 ? tile_rows<3>() : tile_rows<4>(); }
  int64_t groups() const { return (columns() + in_tile() - 1) / in_tile(); }
  int64_t in_block() const { return plain ? gates * Lanes<S>::n : Lanes<S>::n; }
  int64_t blocks() const { return (units + in_block() - 1) / in_block(); }
  int64_t sum_values() const { return blocks() * groups() * in_tile() * gates * Lanes<S>::n; }
  int64_t packed_values(int64_t rows) const { return round_up(rows, kSumRows) * groups() * in_tile(); }
};

template <class S>
struct JobList {
  Job<S>* job = nullptr; /* as many as fit: two, and more_jobs of the cell */
  int count = 0;
  void add(int gates, int64_t units, int64_t gradients_at, Source<S> source) {
    job[count++] = {gates, false, units, gradients_at, {source, {}, {}}, 1, nullptr, nullptr};
  }
  /* Gradients that are one vector; three vectors that are read and not used may follow it in the row. */
  void add_vector(int64_t units, int64_t gradients_at, Source<S> source) {
    const bool wide = units > 2 * Lanes<S>::n;
    job[count++] = {wide ? 4 : 1, wide, units, gradients_at, {source, {}, {}}, 1, nullptr, nullptr};
  }
};

/* Copy the sources of rows first .. first + rows: out[group of MB columns][row][column]. */
template <class S, int MB>
void pack_sources(const Job<S>& job, int64_t first, int64_t rows, S* out) {
  for (int64_t r = 0; r < rows; ++r) {
    S* to = out + r * MB;
    int64_t column = 0;
    for (int k = 0; k < job.sources; ++k) {
      const S one = 1;
      const Source<S>& source = job.source[k];
      const S* from = source.rows ? source.rows[first + r] + source.at : &one;
      for (int64_t left = source.width; left > 0;) {
        const int64_t run = left < MB - column ? left : MB - column;
        if (run == MB) {
          __builtin_memcpy(to, from, MB * sizeof(S));
        } else {
          for (int64_t u = 0; u < run; ++u) to[column + u] = from[u];
        }
        from += run;
        left -= run;
        column += run;
        if (column == MB) {
          column = 0;
          to += kSumRows * MB;
        }
      }
    }
    for (; column > 0 && column < MB; ++column) to[column] = S(0);
  }
}

/* sums[column][gate] (+)= sum over rows of a source's column times the gradients. */
template <class S, int G>
inline void sum_tile(const S* gradients, const S* source, int64_t rows, S* sums, bool add) {
  constexpr int64_t n = Lanes<S>::n;
  constexpr int MB = tile_rows<G>();
  Vec<S> acc[MB][G] = {};
  for (int r = 0; add && r < MB; ++r) {
    for (int g = 0; g < G; ++g) acc[r][g] = load<S>(sums + (r * G + g) * n);
  }
  for (int64_t k = 0; k < rows; ++k, gradients += G * n, source += MB) {
    Vec<S> d[G];
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) d[g] = load<S>(gradients + g * n);
#pragma GCC unroll 16
    for (int r = 0; r < MB; ++r) {
      const Vec<S> v = splat<S>(source[r]);
#pragma GCC unroll 8
      for (int g = 0; g < G; ++g) acc[r][g] += v * d[g];
    }
  }
  for (int r = 0; r < MB; ++r) {
    for (int g = 0; g < G; ++g) store<S>(sums + (r * G + g) * n, acc[r][g]);
  }
}

/* What the rows of a block of steps give to the sums of one block of units; added to them unless it is the first. */
template <class S, int G>
void sum_block(const Job<S>& job, const Records<S>& records, int64_t j, bool add) {
  constexpr int64_t n = Lanes<S>::n, in_tile = tile_rows<G>();
  alignas(64) S gradients[kSumRows * G * n];
  for (int64_t first = 0; first < records.count || first == 0; first += kSumRows) {
    const int64_t rows = records.count - first < kSumRows ? records.count - first : kSumRows;
    for (int64_t k = 0; k < rows; ++k) {
      const S* from = records.gradients[first + k] + job.gradients_at + j * G * n;
      for (int g = 0; g < G; ++g) store<S>(gradients + (k * G + g) * n, load<S>(from + g * n));
    }
    const int64_t groups = job.groups();
    const S* source = job.packed + first * groups * in_tile;
    S* sums = job.sums + j * groups * in_tile * G * n;
    for (int64_t k = 0; k < groups; ++k) {
      sum_tile<S, G>(gradients, source + k * kSumRows * in_tile, rows, sums + k * in_tile * G * n, add || first > 0);
    }
  }
}

/* Copy the sums of one block of units to the gradients of the weights. */
template <class S>
void write_sums(const Job<S>& job, int64_t j) {
  constexpr int64_t n = Lanes<S>::n;
  const int64_t in_tile = job.in_tile(), G = job.gates;
  const S* sums = job.sums + j * job.groups() * in_tile * G * n;
  for (int k = 0; k < job.sources; ++k) {
    const Source<S>& source = job.source[k];
    for (int64_t g = 0; g < G; ++g) {
      const int64_t first = job.plain ? (j * G + g) * n : j * n;
      const int64_t units = job.units - first < n ? job.units - first : n;
      S* to = source.out + (job.plain ? first : g * job.units + first) * source.width;
      for (int64_t u = 0; u < source.width; u += n) {
        const int64_t count = source.width - u < n ? source.width - u : n;
        transpose_lanes<S>(sums + (u * G + g) * n, G * n, units, count, to + u, source.width, count);
      }
    }
    sums += source.width * G * n;
  }
}

template <class S>
bool list_records(Arena& arena, const Pass<S>& p, int64_t steps, Records<S>& records) {
  const int64_t most = p.shape->B * steps;
  records.number = arena.take<int64_t>(most);
  const S*** const lists[] = {&records.x,      &records.h,    &records.previous,
                              &records.before, &records.kept, &records.gradients};
  for (const S*** list : lists) *list = arena.take<const S*>(most);
  return !arena.failed;
}

template <class Cell>
void fill_records(const Pass<typename Cell::Scalar>& p, Records<typename Cell::Scalar>& records) {
  const Shape<typename Cell::Scalar>& s = *p.shape;
  int64_t k = 0;
  for (int64_t step = p.begin; step < p.end; ++step) {
    for (int64_t place = 0; place < s.B && p.order->length[place] > step; ++place, ++k) {
      records.number[k] = p.row(place, step);
      records.kept[k] = p.kept + records.number[k] * s.kept_row;
      records.previous[k] = Cell::h_before(p, place, step);
      records.before[k] = p.cells_before(place, step);
      records.gradients[k] = p.gradients_of(place, step);
      records.h[k] = s.read_at < 0 ? records.previous[k] : records.kept[k] + s.read_at;
      records.x[k] = Cell::moves_input ? records.kept[k] + s.extra_at : p.x + records.number[k] * p.inputs;
    }
  }
  records.count = k;
}

/* The jobs that every cell has: its two matrices, and the bias if it is a part of the product. */
template <class Cell>
void list_jobs(const Pass<typename Cell::Scalar>& p, const Records<typename Cell::Scalar>& records,
               JobList<typename Cell::Scalar>& list) {
  using S = typename Cell::Scalar;
  const Shape<S>& s = *p.shape;
  const Source<S> h{records.h, 0, s.P, p.dw_hh}, x{records.x, 0, p.inputs, p.dw_ih}, one{nullptr, 0, 1, p.db};
  list.add(Cell::gates, s.H, 0, h);
  Job<S>& job = list.job[0];
  if (Cell::separate) {
    list.add(Cell::gates, s.H, s.input_at, x);
  } else {
    job.source[job.sources++] = x;
  }
  if (!Cell::whole_rows && p.db != nullptr) job.source[job.sources++] = one;
  Cell::add_jobs(p, records, list);
}
