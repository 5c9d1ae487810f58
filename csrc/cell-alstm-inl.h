/* The A-LSTM: once a period, c and then h are mixed with older ones by attention before they feed the next step; the
 * other steps are the plain LSTM's. Included once per target, inside its namespace.
 *
 * A mix needs whole rows, so after_step makes it, from y and from the cells of the steps before: kept rows, in
 * inference a ring of its own. In the kept row of a step that mixes follow the mixed h (padded) and the shares of the
 * states that it read, of h and then of c.
 *
 * The backward of a mix does not write to the steps that it read. It leaves its gradient in what is carried for the
 * sequence, and each of them takes its part when its turn comes (add_part): memory does not grow with the period. */

constexpr int kMostLags = 32;

/* `which` of the two mixes: the tensors of the state, the shares and what is carried come in this order. */
enum { kMixH = 0, kMixC = 1 };

inline float exponential(float x) { return __builtin_expf(x); }
inline double exponential(double x) { return __builtin_exp(x); }

/* When a sequence mixes: in its steps first, first + period, ... */
struct MixTimes {
  int64_t first, period;
  /* The first mix not before `step`. */
  int64_t next(int64_t step) const {
    return step <= first ? first : first + (step - first + period - 1) / period * period;
  }
  /* The last mix before `step`, or -1. */
  int64_t last(int64_t step) const { return step <= first ? -1 : first + (step - first - 1) / period * period; }
};

template <class S>
struct ALstm : CellDefaults<S> {
  static constexpr int gates = 4, cells = 1;
  static constexpr bool sums_units = true;
  static constexpr int64_t n = Lanes<S>::n;
  const Pass<S>& p;
  const Shape<S>& s;
  const Lstm<S> plain;
  const bool mean;
  const unsigned lags; /* bit k: a mix reads the state of k steps before it */
  const int64_t period;
  int count = 0; /* of the states that a mix reads */
  int64_t back[kMostLags];
  /* of each row of the chunk */
  const Chunk<S>* chunk = nullptr;
  MixTimes* times = nullptr;
  bool* mixing = nullptr; /* in this step */
  S* spare = nullptr;     /* (padded) inference: the mixed h; backward: the cell before it was mixed */
  S* ring = nullptr;      /* (period, padded) inference: cells of the last steps */

  explicit ALstm(const Pass<S>& pass)
      : p(pass),
        s(*pass.shape),
        plain(pass),
        mean(pass.call->mean),
        lags(static_cast<unsigned>(pass.call->lags)),
        period(pass.call->period) {
    for (int k = 0; k < kMostLags; ++k) {
      if (lags >> k & 1) back[count++] = k;
    }
  }

  static Needs needs(const Shape<S>& shape, const lstmkit_stack& c) {
    const int64_t read = 2 * __builtin_popcount(static_cast<unsigned>(c.lags));
    return {false, shape.padded + read, 0, 3 * shape.padded + read};
  }

  /* packed[0]: the score, padded; zero for the mean, which has none. */
  static bool pack(Pass<S>& p, Arena& arena) {
    const Shape<S>& s = *p.shape;
    const S** packed = arena.take<const S*>(1);
    S* score = arena.take<S>(s.padded);
    if (arena.failed) return false;
    const S* given = p.call->mean ? nullptr : static_cast<const S*>(p.more[0]);
    for (int64_t u = 0; u < s.padded; ++u) score[u] = given != nullptr && u < s.H ? given[u] : S(0);
    packed[0] = score;
    p.packed = packed;
    return true;
  }

  bool prepare(Arena& arena, const Chunk<S>& given) {
    chunk = &given;
    times = arena.take<MixTimes>(given.count);
    mixing = arena.take<bool>(given.count);
    spare = arena.take<S>(given.count * s.padded);
    if (p.kept == nullptr) ring = arena.take<S>(given.count * period * s.padded);
    if (arena.failed) return false;
    for (int64_t r = 0; r < given.count; ++r) times[r] = times_of(p, given.place(r));
    return true;
  }

  /* The phase at the start says when the first mix comes. One that no step can reach (or NaN) means never. */
  static MixTimes times_of(const Pass<S>& p, int64_t place) {
    const int64_t never = INT64_MAX / 2, period = p.call->period;
    const S phase = static_cast<const S*>(p.call->state[4])[p.state() * p.shape->B + p.order->row[place]];
    const bool reached = phase > S(-1e9) && phase < S(period) && S(static_cast<int64_t>(phase)) == phase;
    return {reached ? period - 1 - static_cast<int64_t>(phase) : never, period};
  }

  /* States of a sequence; before its first step, from the initial state, where the newest is first. */
  const S* past_of(int which, int64_t place, int64_t step) const {
    const int64_t row = p.state() * s.B + p.order->row[place];
    return static_cast<const S*>(p.call->state[2 + which]) + (row * (period - 1) - 1 - step) * s.H;
  }
  const S* h_of(int64_t r, int64_t step) const {
    const int64_t place = chunk->place(r);
    return step < 0 ? past_of(kMixH, place, step) : p.y + p.row(place, step) * s.D * s.P;
  }
  /* Not of a step that mixes: its cell is no longer there. */
  const S* c_of(int64_t r, int64_t step) const {
    const int64_t place = chunk->place(r);
    if (step < 0) return past_of(kMixC, place, step);
    if (p.kept == nullptr) return ring + (r * period + step % period) * s.padded;
    return p.kept + p.row(place, step) * s.kept_row + s.cells_at;
  }

  /* Sums over units: what padded lanes hold does not matter. */
  S dot(const S* a, const S* b) const {
    Vec<S> sum{};
    for (int64_t j = 0; j < s.blocks; ++j) {
      sum += load_some(a + j * n, s.in_block(j)) * load_some(b + j * n, s.in_block(j));
    }
    for (int64_t half = n / 2; half > 0; half /= 2) {
      for (int64_t k = 0; k < half; ++k) sum[k] += sum[k + half];
    }
    return sum[0];
  }

  void before_step(const ForwardRows<S>& rows) {
    for (int64_t r = 0; r < rows.count; ++r) mixing[r] = times[r].next(rows.step) == rows.step;
  }

  void forward_block(const ForwardRows<S>& rows, int64_t r, int64_t j, const Vec<S> (&a)[gates]) const {
    plain.forward_block(rows, r, j, a);
    /* The output of a mix needs the gate once more, also where inference does not keep it. */
    if (!rows.keep && mixing[r]) store<S>(rows.kept[r] + (j * gates + 3) * n, sigmoid_of(a[3]));
  }

  void after_step(const ForwardRows<S>& rows) {
    const int64_t slot = rows.step % period;
    for (int64_t r = 0; r < rows.count; ++r) {
      if (mixing[r]) {
        mix(rows, r);
      } else if (!rows.keep) {
        S* to = ring + (r * period + slot) * s.padded;
        for (int64_t j = 0; j < s.blocks; ++j) store<S>(to + j * n, load<S>(rows.cells[r] + j * n));
      }
    }
  }

  S* mixed_h(const ForwardRows<S>& rows, int64_t r) const {
    return rows.keep ? rows.kept[r] + s.extra_at : spare + r * s.padded;
  }
  const S* h_after(const ForwardRows<S>& rows, int64_t r) const { return mixing[r] ? mixed_h(rows, r) : rows.y[r]; }
  static const S* h_before(const Pass<S>& p, int64_t place, int64_t step) {
    const bool mixed = step > 0 && times_of(p, place).next(step - 1) == step - 1;
    return mixed ? p.kept + p.row(place, step - 1) * p.shape->kept_row + p.shape->extra_at : p.h_before(place, step);
  }

  void mix(const ForwardRows<S>& rows, int64_t r) const {
    const S* states[kMostLags];
    S *kept = rows.kept[r], *c = rows.cells[r], *h = rows.y[r], *shares = kept + s.extra_at + s.padded;
    for (int k = 0; k < count; ++k) states[k] = back[k] ? c_of(r, rows.step - back[k]) : c;
    weigh(states, shares + kMixC * count);
    blend(states, shares + kMixC * count, c);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const Vec<S> o = load<S>(kept + (j * gates + 3) * n);
      store_some(h + j * n, o * tanh_of(load<S>(c + j * n)), s.in_block(j));
    }
    for (int k = 0; k < count; ++k) states[k] = back[k] ? h_of(r, rows.step - back[k]) : h;
    weigh(states, shares + kMixH * count);
    blend(states, shares + kMixH * count, mixed_h(rows, r));
  }

  /* shares = softmax of the scores of the states. */
  void weigh(const S* const* states, S* shares) const {
    if (mean) {
      for (int k = 0; k < count; ++k) shares[k] = S(1) / S(count);
      return;
    }
    for (int k = 0; k < count; ++k) shares[k] = dot(states[k], p.packed[0]);
    S most = shares[0], total = 0;
    for (int k = 1; k < count; ++k) most = shares[k] > most ? shares[k] : most;
    for (int k = 0; k < count; ++k) total += shares[k] = exponential(shares[k] - most);
    for (int k = 0; k < count; ++k) shares[k] /= total;
  }

  void blend(const S* const* states, const S* shares, S* to) const {
    for (int64_t j = 0; j < s.blocks; ++j) {
      Vec<S> sum = shares[0] * load_some(states[0] + j * n, s.in_block(j));
      for (int k = 1; k < count; ++k) sum += shares[k] * load_some(states[k] + j * n, s.in_block(j));
      store<S>(to + j * n, sum);
    }
  }

  /* The past after the last step: what came since the last mix, and if there was none, what was there at the start. */
  void finish(const Chunk<S>&) {
    for (int64_t r = 0; r < chunk->count; ++r) {
      const int64_t length = chunk->length(r), last = times[r].last(length);
      const int64_t row = p.state() * s.B + p.order->row[chunk->place(r)];
      for (int64_t k = 0; k < period - 1; ++k) {
        const int64_t step = length - 1 - k;
        const bool forgotten = last >= 0 && step <= last;
        const S *h = forgotten ? nullptr : h_of(r, step), *c = forgotten ? nullptr : c_of(r, step);
        copy(h, static_cast<S*>(p.call->last[2 + kMixH]) + (row * (period - 1) + k) * s.H);
        copy(c, static_cast<S*>(p.call->last[2 + kMixC]) + (row * (period - 1) + k) * s.H);
      }
      const S phase = static_cast<const S*>(p.call->state[4])[row];
      static_cast<S*>(p.call->last[4])[row] = last < 0 ? phase + S(length) : S(length - 1 - last);
    }
  }

  /* A row of H values; null: zeros. */
  void copy(const S* from, S* to) const {
    for (int64_t u = 0; u < s.H; ++u) to[u] = from != nullptr ? from[u] : S(0);
  }

  /* What is carried for a sequence: the gradients of the two mixes above (padded each), that of the score (padded), and
   * the gradients of the scores in the two softmaxes. */
  S* carried(int64_t place) const { return p.carried + place * s.carried_row + s.carried_at; }
  static int64_t d_score_at(const Shape<S>& s) { return 2 * s.padded; }
  int64_t d_softmax_at(int which) const { return 3 * s.padded + which * count; }

  /* Add to the gradient of a state (H) what it has from the mix `steps` after it, which is carried. */
  void add_part(int64_t place, int64_t mix, int which, int64_t steps, S* to) const {
    if (steps >= kMostLags || !(lags >> steps & 1)) return;
    const int k = __builtin_popcount(lags & ((1u << steps) - 1));
    const S* shares = p.kept + p.row(place, mix) * s.kept_row + s.extra_at + s.padded + which * count;
    const S *d_mix = carried(place) + which * s.padded, d_softmax = carried(place)[d_softmax_at(which) + k];
    for (int64_t j = 0; j < s.blocks; ++j) {
      const Vec<S> part = rounded(shares[k] * load<S>(d_mix + j * n)) + d_softmax * load<S>(p.packed[0] + j * n);
      store_some(to + j * n, load_some(to + j * n, s.in_block(j)) + part, s.in_block(j));
    }
  }

  /* What steps that do not mix have besides the plain LSTM's gradients: from a mix above, or the past at the end. */
  void before_backward(const BackwardRows<S>& rows) {
    for (int64_t r = 0; r < rows.count; ++r) {
      const int64_t place = chunk->place(r), left = chunk->length(r) - 1 - rows.step;
      const int64_t next = times[r].next(rows.step);
      mixing[r] = next == rows.step;
      if (mixing[r]) continue;
      S* const to[2] = {rows.dh[r], rows.dcells[r]};
      for (int which = kMixH; which <= kMixC; ++which) {
        if (next < chunk->length(r)) {
          add_part(place, next, which, next - rows.step, to[which]);
        } else if (left < period - 1) {
          const S* d_past = d_last_past(which, place) + left * s.H;
          for (int64_t u = 0; u < s.H; ++u) to[which][u] += d_past[u];
        }
      }
    }
  }
  const S* d_last_past(int which, int64_t place) const {
    const int64_t row = p.state() * s.B + p.order->row[place];
    return static_cast<const S*>(p.call->dlast[2 + which]) + row * (period - 1) * s.H;
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    if (!mixing[r]) return plain.backward_row(rows, r);
    const S *kept = rows.kept[r], *cell = kept + s.cells_at, *before = rows.before[r], *states[kMostLags];
    S *to = rows.gradients[r], *dh = rows.dh[r], *dc = rows.dcells[r], *unmixed = spare + r * s.padded;
    for (int k = 0; k < count; ++k) states[k] = h_of(r, rows.step - back[k]);
    leave(rows, r, kMixH, states, dh);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const int64_t at = j * n, block = at * gates;
      const Vec<S> i = load<S>(kept + block), f = load<S>(kept + block + n), g = load<S>(kept + block + 2 * n);
      const Vec<S> o = load<S>(kept + block + 3 * n), out = tanh_of(load<S>(cell + at));
      const Vec<S> d_out = load_some(rows.dy[r] + at, s.in_block(j)) + load<S>(dh + at);
      store<S>(to + block + 3 * n, d_out * out * o * (S(1) - o));
      store<S>(dc + at, load<S>(dc + at) + d_out * o * (S(1) - out * out));
      store<S>(unmixed + at, rounded(f * load<S>(before + at)) + i * g);
    }
    for (int k = 0; k < count; ++k) states[k] = back[k] ? c_of(r, rows.step - back[k]) : unmixed;
    leave(rows, r, kMixC, states, dc);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const int64_t at = j * n, block = at * gates;
      const Vec<S> i = load<S>(kept + block), f = load<S>(kept + block + n), g = load<S>(kept + block + 2 * n);
      const Vec<S> d_cell = load<S>(dc + at);
      store<S>(to + block, d_cell * g * i * (S(1) - i));
      store<S>(to + block + n, d_cell * load<S>(before + at) * f * (S(1) - f));
      store<S>(to + block + 2 * n, d_cell * i * (S(1) - g * g));
      store<S>(dc + at, d_cell * f);
    }
  }

  /* The gradient d of a mix (padded) is left for the states that it read; d becomes that of this step's own state. */
  void leave(const BackwardRows<S>& rows, int64_t r, int which, const S* const* states, S* d) const {
    S* const left = carried(chunk->place(r));
    S *d_mix = left + which * s.padded, *d_score = left + d_score_at(s), *d_softmax = left + d_softmax_at(which);
    for (int64_t j = 0; j < s.blocks; ++j) {
      store<S>(d_mix + j * n, load<S>(d + j * n));
      store<S>(d + j * n, Vec<S>{});
    }
    if (!mean) {
      const S* shares = rows.kept[r] + s.extra_at + s.padded + which * count;
      S middle = 0;
      for (int k = 0; k < count; ++k) {
        d_softmax[k] = dot(states[k], d_mix);
        middle += shares[k] * d_softmax[k];
      }
      for (int k = 0; k < count; ++k) d_softmax[k] = shares[k] * (d_softmax[k] - middle);
      for (int64_t j = 0; j < s.blocks; ++j) {
        Vec<S> sum = load<S>(d_score + j * n);
        for (int k = 0; k < count; ++k) sum += d_softmax[k] * load_some(states[k] + j * n, s.in_block(j));
        store<S>(d_score + j * n, sum);
      }
    }
    add_part(chunk->place(r), rows.step, which, 0, d);
  }

  /* Gradients of the past at the start: from the first mix, or if there was none, from the past at the end. The phase
   * has none of its own; as in the reference, what comes in is handed on unless a mix resets the phase. */
  void finish_backward(const Chunk<S>&) {
    for (int64_t r = 0; r < chunk->count; ++r) {
      const int64_t place = chunk->place(r), length = chunk->length(r), first = times[r].first;
      const int64_t row = p.state() * s.B + p.order->row[place];
      for (int which = kMixH; which <= kMixC; ++which) {
        S* to = static_cast<S*>(p.call->dstate[2 + which]) + row * (period - 1) * s.H;
        for (int64_t k = 0; k < period - 1; ++k, to += s.H) {
          const bool stays = first >= length && k + length < period - 1;
          copy(stays ? d_last_past(which, place) + (k + length) * s.H : nullptr, to);
          if (first < length) add_part(place, first, which, k + first + 1, to);
        }
      }
      const S d_phase = static_cast<const S*>(p.call->dlast[4])[row];
      static_cast<S*>(p.call->dstate[4])[row] = first < length ? S(0) : d_phase;
    }
  }

  /* The gradient of the score is summed for each sequence by the way; after the last block, over the sequences. */
  static void sum_units(const Pass<S>& p, const Records<S>&, int64_t j) {
    const Shape<S>& s = *p.shape;
    if (p.begin > 0 || p.call->mean) return;
    Vec<S> sum{};
    for (int64_t place = 0; place < s.B; ++place) {
      sum += load<S>(p.carried + place * s.carried_row + s.carried_at + d_score_at(s) + j * n);
    }
    store_some(static_cast<S*>(p.dmore[0]) + j * n, sum, s.in_block(j));
  }
};
