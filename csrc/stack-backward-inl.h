/* The whole stack, backward: layers from the last to the first. Included once per target, inside its namespace. */

/* Rows whose gradients exist at a time. The sums depend on it, so it must not depend on the number of threads. */
constexpr int64_t kBackwardRows = 512;

/* One direction of one layer: block of steps after block of steps, from the last to the first. */
template <class Cell>
class BackwardDirection {
  using S = typename Cell::Scalar;

 public:
  BackwardDirection(const Pass<S>& pass, int most_threads)
      : p(pass), s(*pass.shape), threads(most_threads), longest(s.B ? pass.order->length[0] : 0) {}

  bool run() {
    const int64_t at_once = kBackwardRows / (s.B ? s.B : 1);
    const int64_t steps = at_once > longest ? longest : at_once ? at_once : 1;
    if (!prepare(steps)) return false;
    p.end = longest;
    do {
      p.begin = p.end > steps ? p.end - steps : 0;
      run_tasks(chunk_task, this, p.chunks, threads);
      if (failure.happened) return false;
      fill_records<Cell>(p, records);
      run_tasks(pack_task, this, jobs.count * row_groups(), threads);
      run_tasks(sum_task, this, jobs.count * most_blocks, threads);
      if (Cell::sums_units) run_tasks(units_task, this, s.blocks, threads);
      p.end = p.begin;
    } while (p.end > 0);
    for (int64_t k = 0; p.db_twin != nullptr && k < s.G * s.H; ++k) p.db_twin[k] = p.db[k];
    return true;
  }

 private:
  Pass<S> p;
  const Shape<S>& s;
  const int threads;
  const int64_t longest;
  Arena arena;
  Records<S> records = {};
  JobList<S> jobs;
  int64_t most_blocks = 0;
  Failure failure;

  int64_t row_groups() const { return (records.count + kSumRows - 1) / kSumRows; }

  bool prepare(int64_t steps) {
    p.gradients = arena.take<S>(steps * s.B * s.gradient_row);
    p.carried = arena.take<S>(s.B * s.carried_row);
    S* cell0 = arena.take<S>(s.B * s.cells * s.padded);
    jobs.job = arena.take<Job<S>>(2 + Cell::more_jobs(*p.call));
    if (arena.failed || !list_records(arena, p, steps, records)) return false;
    p.padded_cell0 = cell0;
    for (int64_t place = 0; place < s.B; ++place) start_sequence(place, cell0);
    list_jobs<Cell>(p, records, jobs);
    int64_t values = 0;
    for (int k = 0; k < jobs.count; ++k) values += jobs.job[k].sum_values() + jobs.job[k].packed_values(steps * s.B);
    S* next = arena.take<S>(values);
    if (arena.failed) return false;
    for (int k = 0; k < jobs.count; ++k) {
      Job<S>& job = jobs.job[k];
      job.sums = next;
      job.packed = next + job.sum_values();
      next = job.packed + job.packed_values(steps * s.B);
      if (job.blocks() > most_blocks) most_blocks = job.blocks();
    }
    return true;
  }

  void start_sequence(int64_t place, S* cell0) {
    const int64_t b = p.order->row[place];
    S* to = p.carried + place * s.carried_row;
    for (int64_t u = 0; u < s.carried_row; ++u) to[u] = S(0);
    for (int64_t u = 0; u < s.P; ++u) to[u] = p.dlast_h[b * s.P + u];
    for (int64_t c = 0; c < s.cells; ++c) {
      S* d_cell = to + s.padded_output + c * s.padded;
      for (int64_t u = 0; u < s.H; ++u) d_cell[u] = p.dlast_cell[c][b * s.H + u];
      S* before = cell0 + (b * s.cells + c) * s.padded;
      for (int64_t u = 0; u < s.padded; ++u) before[u] = u < s.H ? p.cell0[c][b * s.H + u] : S(0);
    }
  }

  static BackwardDirection& self(void* context) { return *static_cast<BackwardDirection*>(context); }
  static void chunk_task(void* context, long number) {
    BackwardChunk<Cell> chunk(self(context).p, number);
    if (!chunk.run()) self(context).failure.set();
  }
  static void pack_task(void* context, long number) {
    const BackwardDirection& d = self(context);
    const Job<S>& job = d.jobs.job[number % d.jobs.count];
    const int64_t first = number / d.jobs.count * kSumRows, left = d.records.count - first;
    const int64_t rows = left < kSumRows ? left : kSumRows;
    S* to = job.packed + first * job.groups() * job.in_tile();
    if (job.gates == 1) pack_sources<S, tile_rows<1>()>(job, first, rows, to);
    if (job.gates == 3) pack_sources<S, tile_rows<3>()>(job, first, rows, to);
    if (job.gates == 4) pack_sources<S, tile_rows<4>()>(job, first, rows, to);
  }
  static void sum_task(void* context, long number) {
    const BackwardDirection& d = self(context);
    const Job<S>& job = d.jobs.job[number % d.jobs.count];
    const int64_t j = number / d.jobs.count;
    if (j >= job.blocks()) return;
    const bool add = d.p.end < d.longest;
    if (job.gates == 1) sum_block<S, 1>(job, d.records, j, add);
    if (job.gates == 3) sum_block<S, 3>(job, d.records, j, add);
    if (job.gates == 4) sum_block<S, 4>(job, d.records, j, add);
    if (d.p.begin == 0) write_sums(job, j);
  }
  static void units_task(void* context, long number) {
    const BackwardDirection& d = self(context);
    if constexpr (Cell::sums_units) Cell::sum_units(d.p, d.records, number);
  }
};

template <class S>
void point_to_gradients(const lstmkit_stack& c, const S* dy, S* dx, Pass<S>& p) {
  const Shape<S>& s = *p.shape;
  const int64_t state = p.state(), at = state * s.B;
  void* const* dweights = c.dweights + state * c.each;
  p.dy = dy + p.direction * s.P;
  p.dx = dx;
  p.add = p.direction == 1;
  p.dlast_h = static_cast<const S*>(c.dlast[0]) + at * s.P;
  p.dh0 = static_cast<S*>(c.dstate[0]) + at * s.P;
  for (int64_t k = 0; k < s.cells; ++k) {
    p.dlast_cell[k] = static_cast<const S*>(c.dlast[k + 1]) + at * s.H;
    p.dcell0[k] = static_cast<S*>(c.dstate[k + 1]) + at * s.H;
  }
  p.dw_ih = static_cast<S*>(dweights[0]);
  p.dw_hh = static_cast<S*>(dweights[1]);
  p.db = c.bias ? static_cast<S*>(dweights[2]) : nullptr;
  p.db_twin = c.bias ? static_cast<S*>(dweights[3]) : nullptr;
  p.dmore = dweights + (c.bias ? 4 : 2);
}

template <class Cell>
int backward_stack(const lstmkit_stack& c) {
  using S = typename Cell::Scalar;
  const Shape<S> s = make_shape<Cell>(c);
  const int threads = threads_for(s, c);
  Arena arena;
  Order order;
  if (!make_order(arena, c.lengths, s.B, s.T, order)) return 1;
  S* w_xt = arena.take<S>(PanelPack<S>::values(s.wide, s.most_inputs()));
  S* w_ht = arena.take<S>(PanelPack<S>::values(s.wide, s.P));
  S *bias = arena.take<S>(s.wide), *between[2] = {nullptr, nullptr};
  for (int64_t k = 0; k < 2 && k < s.K - 1; ++k) between[k] = arena.take<S>(s.output());
  if (arena.failed) return 1;
  const S* dy = static_cast<const S*>(c.dy);
  for (int64_t l = s.K - 1; l >= 0; --l) {
    const S* x = l == 0 ? static_cast<const S*>(c.x) : output_of(s, c, l - 1, between);
    S* dx = l == 0 ? static_cast<S*>(c.dx) : between[(l - 1) % 2];
    if (dx != nullptr) clear_ended(s, c, s.inputs(l), dx);
    /* Both directions add to one dx: the second after the first, so that the sum has one order. */
    for (int64_t d = 0; d < s.D; ++d) {
      Arena own;
      Pass<S> p = make_pass(s, c, order, l, d, x, output_of(s, c, l, between), threads);
      const int64_t state = p.state();
      point_to_gradients(c, dy, dx, p);
      pack_transposed(s, weight<S>(c, state, 1), s.P, w_ht);
      if (dx != nullptr || Cell::moves_input) pack_transposed(s, weight<S>(c, state, 0), p.inputs, w_xt);
      pack_bias(s, c.bias ? weight<S>(c, state, 2) : nullptr, c.bias ? weight<S>(c, state, 3) : nullptr, bias);
      p.w_ht = w_ht;
      p.w_xt = w_xt;
      p.bias = bias;
      if (!Cell::pack(p, own)) return 1;
      Cell::start_sums(p);
      BackwardDirection<Cell> direction(p, threads);
      if (!direction.run()) return 1;
    }
    dy = dx;
  }
  return 0;
}
