/* One direction of one layer, forward. Included once per target, inside its namespace. */

constexpr int64_t kBlockRows = 256; /* rows whose input products are made together */
constexpr int64_t kManyRows = 32;   /* rows of a step from which input weights need not be shared between steps */

/* A part of the products of one block of units for a tile of rows; after the last part, the cell. The products of x, if
 * they are made here, and of h are one: that of [x, h] with the weights of both, cut into parts that fit into L1. */
template <class Cell>
struct StepTile {
  using S = typename Cell::Scalar;
  static constexpr int G = Cell::gates;
  const Shape<S>& s;
  const Cell& cell;
  const ForwardRows<S>& rows;
  int64_t j;                  /* block of units */
  const S *w_x, *w_h;         /* packed, of this block */
  const S* start;             /* (G n) what a sum begins with, or null: what the gates of the kept row hold */
  S* partial;                 /* (count, G n) sums so far */
  int64_t x_at, x_depth;      /* inputs of this part */
  int64_t h_at, h_depth;
  bool first, last;
  template <int MB>
  __attribute__((noinline)) void tile(int64_t from) {
    constexpr int64_t n = Lanes<S>::n;
    Vec<S> acc[MB][G];
    for (int r = 0; r < MB; ++r) {
      const S* sums = !first ? partial + (from + r) * G * n : start ? start : rows.kept[from + r] + j * G * n;
      for (int g = 0; g < G; ++g) acc[r][g] = load<S>(sums + g * n);
    }
    if (x_depth > 0) multiply<S, MB, G, Cell::x_skips>(acc, rows.x + from, x_at, w_x + x_at * G * n, x_depth);
    if (h_depth > 0) multiply<S, MB, G, Cell::h_skips>(acc, rows.h + from, h_at, w_h + h_at * G * n, h_depth);
    for (int r = 0; r < MB; ++r) {
      if (!last) {
        for (int g = 0; g < G; ++g) store<S>(partial + ((from + r) * G + g) * n, acc[r][g]);
      } else if constexpr (Cell::whole_rows) {
        S* to = rows.kept[from + r] + (Cell::separate ? s.products_at : 0) + j * G * n;
        for (int g = 0; g < G; ++g) store<S>(to + g * n, acc[r][g]);
      } else {
        cell.forward_block(rows, from + r, j, acc[r]);
      }
    }
  }
};

template <class Cell>
class ForwardChunk {
  using S = typename Cell::Scalar;
  static constexpr int G = Cell::gates;

 public:
  ForwardChunk(const Pass<S>& pass, int64_t number)
      : p(pass), s(*pass.shape), chunk(pass, number), cell(pass), keep(pass.kept != nullptr) {
    /* Apart, the input products of several steps share the weights, but go through memory. With many rows, or weights
     * that stay in L1 beside the recurrent ones, they cost less in the step. */
    const bool fit = p.inputs <= 16 || (p.inputs + s.P <= kDepth && chunk.count >= tile_rows<G>());
    in_step = Cell::moves_input || (!Cell::separate && (fit || chunk.count >= kManyRows));
    const int64_t at_once = kBlockRows / (chunk.count ? chunk.count : 1), most = in_step || at_once == 0 ? 1 : at_once;
    block_steps = most < s.T ? most : s.T;
  }

  bool run() {
    if (!prepare()) return false;
    const int64_t longest = chunk.longest();
    int64_t alive = chunk.count;
    for (int64_t begin = 0; begin < longest; begin += block_steps) {
      const int64_t end = begin + block_steps < longest ? begin + block_steps : longest;
      const int64_t total = list_rows(begin, end, alive);
      if (!in_step) input_products<S, G, Cell::x_skips>(s, x, kept, total, p.inputs, p.w_x, start);
      int64_t first = 0;
      for (int64_t number = begin; number < end; ++number) {
        alive = chunk.alive(number, alive);
        step(number, alive, first);
        first += alive;
      }
    }
    finish();
    return true;
  }

 private:
  const Pass<S>& p;
  const Shape<S>& s;
  const Chunk<S> chunk;
  Cell cell;
  const bool keep;
  bool in_step;
  int64_t block_steps;
  Arena arena;
  /* of a block of steps */
  const S** x;
  S** kept;
  int64_t* number;
  S* scratch; /* kept rows of inference */
  /* of a step */
  const S **h, **previous, **before;
  S **cells, **y, *carried, *partial;
  const S* start; /* (wide) what the sums of all blocks begin with */

  bool prepare() {
    const int64_t count = chunk.count, all = count * block_steps, width = s.cells * s.padded;
    x = arena.take<const S*>(all);
    kept = arena.take<S*>(all);
    number = arena.take<int64_t>(all);
    scratch = keep ? nullptr : arena.take<S>(all * s.kept_row);
    h = arena.take<const S*>(3 * count);
    cells = arena.take<S*>(2 * count);
    carried = arena.take<S>(2 * count * width); /* cells before the first step; in inference all cells, in turns */
    partial = arena.take<S>(count * G * s.n);
    S* zeros = arena.take<S>(s.wide);
    if (arena.failed || !cell.prepare(arena, chunk)) return false;
    previous = h + count;
    before = previous + count;
    y = cells + count;
    for (int64_t k = 0; k < s.wide; ++k) zeros[k] = S(0);
    start = Cell::whole_rows ? zeros : p.bias;
    for (int64_t r = 0; r < count; ++r) {
      const int64_t b = p.order->row[chunk.place(r)];
      previous[r] = p.h0 + b * s.P;
      before[r] = carried + r * width;
      for (int64_t c = 0; c < s.cells; ++c) {
        S* to = carried + r * width + c * s.padded;
        for (int64_t u = 0; u < s.padded; ++u) to[u] = u < s.H ? p.cell0[c][b * s.H + u] : S(0);
      }
    }
    return true;
  }

  int64_t list_rows(int64_t begin, int64_t end, int64_t alive) {
    int64_t total = 0;
    for (int64_t at = begin; at < end; ++at) {
      alive = chunk.alive(at, alive);
      for (int64_t r = 0; r < alive; ++r, ++total) {
        number[total] = p.row(chunk.place(r), at);
        kept[total] = keep ? p.kept + number[total] * s.kept_row : scratch + total * s.kept_row;
        x[total] = Cell::moves_input ? kept[total] + s.extra_at : p.x + number[total] * p.inputs;
      }
    }
    return total;
  }

  void step(int64_t at, int64_t alive, int64_t first) {
    const int64_t width = s.cells * s.padded;
    for (int64_t r = 0; r < alive; ++r) {
      y[r] = p.y + number[first + r] * s.D * s.P;
      cells[r] = keep ? kept[first + r] + s.cells_at : carried + (r + (at + 1) % 2 * chunk.count) * width;
      h[r] = s.read_at < 0 ? previous[r] : kept[first + r] + s.read_at;
    }
    const ForwardRows<S> rows{at, alive, number + first, h, x + first, previous, before, cells, kept + first, y, keep};
    cell.before_step(rows);
    /* Forth and back in turns: the weights that the step before read last are still in the cache. */
    for (int64_t k = 0; k < s.blocks; ++k) work_block(rows, at % 2 ? s.blocks - 1 - k : k);
    if constexpr (Cell::whole_rows) {
      for (int64_t r = 0; r < alive; ++r) cell.forward_row(rows, r);
    }
    cell.after_step(rows);
    for (int64_t r = 0; r < alive; ++r) {
      previous[r] = cell.h_after(rows, r);
      before[r] = cells[r];
    }
  }

  void work_block(const ForwardRows<S>& rows, int64_t j) {
    constexpr int64_t group = G * Lanes<S>::n;
    const int64_t inputs = in_step ? p.inputs : 0, depth = inputs + s.P;
    /* One tile reads the weights once: they need not stay in L1. */
    const int64_t part = rows.count > tile_rows<G>() ? kDepth : depth;
    for (int64_t k = 0; k < depth; k += part) {
      const int64_t end = k + part < depth ? k + part : depth;
      const int64_t x_end = end < inputs ? end : inputs, h_from = k > inputs ? k : inputs;
      const S* begin = in_step || Cell::separate ? start + j * group : nullptr;
      StepTile<Cell> work{s, cell, rows, j, p.w_x + j * p.inputs * group, p.w_h + j * s.P * group, begin, partial,
                          k, x_end - k, h_from - inputs, end - h_from, k == 0, end == depth};
      tiles<tile_rows<G>()>(rows.count, work);
    }
  }

  void finish() {
    for (int64_t r = 0; r < chunk.count; ++r) {
      const int64_t b = p.order->row[chunk.place(r)];
      for (int64_t u = 0; u < s.P; ++u) p.last_h[b * s.P + u] = previous[r][u];
      for (int64_t c = 0; c < s.cells; ++c) {
        for (int64_t u = 0; u < s.H; ++u) p.last_cell[c][b * s.H + u] = before[r][c * s.padded + u];
      }
    }
    cell.finish(chunk);
  }
};
