/* One direction of one layer, backward through a block of steps: gates, input, state. Included once per target, inside
 * its namespace. Only the gradients of one block's rows exist at a time: they are summed before the next block. */

constexpr int64_t kPanelRows = 128; /* rows whose gradients stay in L2 while all panels of the input are worked */

template <class Cell>
class BackwardChunk {
  using S = typename Cell::Scalar;

 public:
  BackwardChunk(const Pass<S>& pass, int64_t number) : p(pass), s(*pass.shape), chunk(pass, number), cell(pass) {}

  bool run() {
    if (!prepare()) return false;
    const int64_t longest = chunk.longest(), end = p.end < longest ? p.end : longest;
    for (int64_t at = end - 1; at >= p.begin; --at) step(at, chunk.alive(at, chunk.count));
    if (!Cell::moves_input && p.dx != nullptr) input_gradients(end);
    if (p.begin == 0) finish();
    return true;
  }

 private:
  const Pass<S>& p;
  const Shape<S>& s;
  const Chunk<S> chunk;
  Cell cell;
  Arena arena;
  int64_t* number;
  const S **previous, **before, **kept, **dy, **from;
  S **dh, **dcells, **gradients, **d_read, **dx, **to;

  bool prepare() {
    const int64_t count = chunk.count, all = count * (p.end - p.begin);
    number = arena.take<int64_t>(count);
    previous = arena.take<const S*>(4 * count);
    dh = arena.take<S*>(5 * count);
    from = arena.take<const S*>(all);
    to = arena.take<S*>(all);
    S* read = s.read_at < 0 ? nullptr : arena.take<S>(count * s.padded_output);
    S* moved = Cell::moves_input ? arena.take<S>(count * round_up(p.inputs, s.n)) : nullptr;
    if (arena.failed || !cell.prepare(arena, chunk)) return false;
    before = previous + count;
    kept = before + count;
    dy = kept + count;
    dcells = dh + count;
    gradients = dcells + count;
    d_read = gradients + count;
    dx = d_read + count;
    for (int64_t r = 0; r < count; ++r) {
      dh[r] = p.carried + chunk.place(r) * s.carried_row;
      dcells[r] = dh[r] + s.padded_output;
      d_read[r] = read + (read ? r * s.padded_output : 0);
      dx[r] = moved + (moved ? r * round_up(p.inputs, s.n) : 0);
    }
    return true;
  }

  void step(int64_t at, int64_t alive) {
    for (int64_t r = 0; r < alive; ++r) {
      const int64_t place = chunk.place(r);
      number[r] = p.row(place, at);
      previous[r] = Cell::h_before(p, place, at);
      before[r] = p.cells_before(place, at);
      kept[r] = p.kept + number[r] * s.kept_row;
      dy[r] = p.dy + number[r] * s.D * s.P;
      gradients[r] = p.gradients_of(place, at);
    }
    const BackwardRows<S> rows{at, alive, number, previous, before, kept, dy, dh, dcells, gradients, d_read, dx};
    cell.before_backward(rows);
    for (int64_t r = 0; r < alive; ++r) cell.backward_row(rows, r);
    const bool reads = s.read_at >= 0;
    /* Forth and back in turns: the weights that the step before read last are still in the cache. */
    const bool add = Cell::carries && !reads;
    Panels<S>{gradients, 0, reads ? d_read : dh, alive, p.w_ht, s.wide, s.P, add, at % 2 == 1}.run();
    if (Cell::moves_input) Panels<S>{gradients, s.input_at, dx, alive, p.w_xt, s.wide, p.inputs, false}.run();
    cell.after_backward(rows);
  }

  void input_gradients(int64_t end) {
    int64_t count = 0;
    for (int64_t at = p.begin; at < end; ++at) {
      for (int64_t r = 0, alive = chunk.alive(at, chunk.count); r < alive; ++r, ++count) {
        from[count] = p.gradients_of(chunk.place(r), at);
        to[count] = p.dx + p.row(chunk.place(r), at) * p.inputs;
      }
    }
    for (int64_t first = 0; first < count; first += kPanelRows) {
      const int64_t rows = count - first < kPanelRows ? count - first : kPanelRows;
      Panels<S>{from + first, s.input_at, to + first, rows, p.w_xt, s.wide, p.inputs, p.add}.run();
    }
  }

  void finish() {
    for (int64_t r = 0; r < chunk.count; ++r) {
      const int64_t b = p.order->row[chunk.place(r)];
      for (int64_t u = 0; u < s.P; ++u) p.dh0[b * s.P + u] = dh[r][u];
      for (int64_t c = 0; c < s.cells; ++c) {
        for (int64_t u = 0; u < s.H; ++u) p.dcell0[c][b * s.H + u] = dcells[r][c * s.padded + u];
      }
    }
    cell.finish_backward(chunk);
  }
};
