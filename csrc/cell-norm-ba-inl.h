/* The LSTM with the layer norms of Ba, Kiros & Hinton 2016: of W x, of R h, and of the cell on its way to the output.
 * Included once per target, inside its namespace.
 *
 * After what the extended LSTM keeps: normals of W x (wide), inverses of W x, R h and the cell, mean of the cell. The
 * normals of R h stand where the product was. Gradients: of the sum of both norms (wide), of the cell's (padded). */

template <class S, int G>
struct NormBaLstm : NormLstm<S, G> {
  using Base = NormLstm<S, G>;
  using Base::Base, Base::n, Base::p, Base::s, Base::peephole;
  static constexpr bool separate = true;
  enum { kScaleX = Base::own + 1, kScaleH, kShift, kScaleCell, kShiftCell };

  static Needs needs(const Shape<S>& s, const lstmkit_stack& c) {
    Needs all = Base::needs(s, c);
    all.extra += s.wide + 4;
    all.gradients += s.wide + s.padded;
    return all;
  }

  static bool pack(Pass<S>& p, Arena& arena) {
    const Shape<S>& s = *p.shape;
    const S** packed = Base::pack_base(p, arena);
    if (packed == nullptr) return false;
    const void* const* norms = p.more + Base::norms_at(*p.call);
    S *shift_x = Base::take_gates(s, arena, norms[1]), *shift_h = Base::take_gates(s, arena, norms[3]);
    packed[kScaleX] = Base::take_gates(s, arena, norms[0]);
    packed[kScaleH] = Base::take_gates(s, arena, norms[2]);
    packed[kShift] = shift_x;
    packed[kScaleCell] = Base::take_units(s, arena, norms[4]);
    packed[kShiftCell] = Base::take_units(s, arena, norms[5]);
    for (int64_t k = 0; !arena.failed && k < s.wide; ++k) shift_x[k] += shift_h[k] + p.bias[k];
    return !arena.failed;
  }

  Vec<S> packed(int which, int64_t at) const { return load<S>(p.packed[which] + at); }
  Vec<S> in(int64_t j) const { return packed(Base::own, j * n); }

  void forward_row(const ForwardRows<S>& rows, int64_t r) const {
    S *x = rows.kept[r], *h = x + s.products_at, *normals = x + Base::normals_at(s), *moments = normals + s.wide;
    const S* cells = rows.cells[r];
    Moments<S> of_x[G], of_h[G], of_cell[1];
    measure<true>(s, p.call->epsilon, Base::valid(), x, G * n, of_x);
    measure<true>(s, p.call->epsilon, Base::valid(), h, G * n, of_h);
    for (int64_t j = 0; j < s.blocks; ++j) {
      Vec<S> a[G];
      for (int g = 0; g < G; ++g) {
        const int64_t at = (j * G + g) * n;
        const Vec<S> nx = normal_of<S>(load<S>(x + at), of_x[0], in(j));
        const Vec<S> nh = normal_of<S>(load<S>(h + at), of_h[0], in(j));
        if (rows.keep) {
          store<S>(normals + at, nx);
          store<S>(h + at, nh);
        }
        a[g] = rounded(nx * packed(kScaleX, at)) + (nh * packed(kScaleH, at) + packed(kShift, at));
      }
      gates_block(rows, r, j, a);
    }
    measure<false>(s, p.call->epsilon, Base::valid(), cells, n, of_cell);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const Vec<S> o = load<S>(x + (j * G + G - 1) * n);
      const Vec<S> normal = normal_of<S>(load<S>(cells + j * n), of_cell[0], in(j));
      Base::finish_block(rows, r, j, rounded(o * tanh_of(inner_of(j, normal))));
    }
    const S kept[] = {of_x[0].inverse, of_h[0].inverse, of_cell[0].inverse, of_cell[0].mean};
    for (int k = 0; k < 4; ++k) moments[k] = kept[k];
  }

  void gates_block(const ForwardRows<S>& rows, int64_t r, int64_t j, Vec<S> (&a)[G]) const {
    const Vec<S> before = load<S>(rows.before[r] + j * n);
    for (int g = 0; peephole && g < G - 2; ++g) a[g] += Base::peephole_of(g, j) * before;
    const Vec<S> c = Base::cell_block(rows, r, j, a);
    if (peephole) a[G - 1] += Base::peephole_of(G - 2, j) * c;
    store<S>(rows.kept[r] + (j * G + G - 1) * n, sigmoid_of(a[G - 1]));
  }
  Vec<S> inner_of(int64_t j, Vec<S> normal) const {
    return normal * packed(kScaleCell, j * n) + packed(kShiftCell, j * n);
  }
  static Moments<S> cell_moments(const Shape<S>& s, const S* kept) {
    const S* moments = kept + Base::normals_at(s) + s.wide;
    return {moments[3], moments[2]};
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    const S *kept = rows.kept[r], *x = kept + Base::normals_at(s), *h = kept + s.products_at;
    S *to = rows.gradients[r], *da = to + Base::norm_gradients_at(s), *d_inner = da + s.wide;
    NormGradients<S, 1> of_cell;
    for (int64_t j = 0; j < s.blocks; ++j) output_gradients(rows, r, j, da, d_inner, of_cell);
    of_cell.finish(s.H);
    NormGradients<S, 1> of_x, of_h;
    for (int64_t j = 0; j < s.blocks; ++j) {
      gate_gradients(rows, r, j, da, d_inner, of_cell);
      for (int g = 0; g < G; ++g) {
        const int64_t at = (j * G + g) * n;
        const Vec<S> d = load<S>(da + at);
        of_x.add(0, rounded(d * packed(kScaleX, at)), load<S>(x + at));
        of_h.add(0, rounded(d * packed(kScaleH, at)), load<S>(h + at));
      }
    }
    of_x.finish(G * s.H);
    of_h.finish(G * s.H);
    const S inverse_x = x[s.wide], inverse_h = x[s.wide + 1];
    for (int64_t at = 0; at < s.wide; at += n) {
      const Vec<S> d = load<S>(da + at);
      store<S>(to + at, of_h.value(0, rounded(d * packed(kScaleH, at)), load<S>(h + at), inverse_h));
      store<S>(to + s.input_at + at, of_x.value(0, rounded(d * packed(kScaleX, at)), load<S>(x + at), inverse_x));
    }
  }

  /* Through o tanh(norm of the cell). */
  void output_gradients(const BackwardRows<S>& rows, int64_t r, int64_t j, S* da, S* d_inner,
                        NormGradients<S, 1>& of_cell) const {
    const int64_t at = (j * G + G - 1) * n;
    const S* kept = rows.kept[r];
    const Vec<S> o = load<S>(kept + at);
    const Vec<S> normal = normal_of<S>(load<S>(kept + s.cells_at + j * n), cell_moments(s, kept), in(j));
    const Vec<S> out = tanh_of(inner_of(j, normal)), d_out = Base::d_inner(rows, r, j);
    const Vec<S> d = rounded(d_out * o * (S(1) - out * out));
    store<S>(da + at, d_out * out * o * (S(1) - o));
    store<S>(d_inner + j * n, d);
    of_cell.add(0, rounded(d * packed(kScaleCell, j * n)), normal);
  }

  /* Through the gates, to the sum of both norms and to the cell before. */
  void gate_gradients(const BackwardRows<S>& rows, int64_t r, int64_t j, S* da, const S* d_inner,
                      const NormGradients<S, 1>& of_cell) const {
    const S* kept = rows.kept[r];
    S *to = da + j * G * n, *dc = rows.dcells[r] + j * n;
    const Moments<S> m = cell_moments(s, kept);
    const Vec<S> normal = normal_of<S>(load<S>(kept + s.cells_at + j * n), m, in(j));
    const Vec<S> d_normal = rounded(load<S>(d_inner + j * n) * packed(kScaleCell, j * n));
    Vec<S> d[G], d_cell = load<S>(dc) + rounded(of_cell.value(0, d_normal, normal, m.inverse) * in(j));
    d[G - 1] = load<S>(to + (G - 1) * n);
    if (peephole) d_cell += Base::peephole_of(G - 2, j) * d[G - 1];
    Vec<S> d_before = Base::cell_gradients(rows, r, j, d_cell, d);
    for (int g = 0; peephole && g < G - 2; ++g) d_before += Base::peephole_of(g, j) * d[g];
    for (int g = 0; g < G - 1; ++g) store<S>(to + g * n, d[g]);
    store<S>(dc, d_before);
  }

  static void start_sums(const Pass<S>& p) {
    Base::start_sums(p);
    const int64_t H = p.shape->H;
    for (int k = 0; k < 6; ++k) Base::clear(p.dmore[Base::norms_at(*p.call) + k], k < 4 ? G * H : H);
    if (p.db != nullptr) Base::clear(p.db, G * H);
  }
  static void sum_units(const Pass<S>& p, const Records<S>& records, int64_t j) {
    const Shape<S>& s = *p.shape;
    const int64_t gradients_at = Base::norm_gradients_at(s), normals_at = Base::normals_at(s);
    Base::sum_peepholes(p, records, j, gradients_at);
    Vec<S> shift[G] = {}, scale_x[G] = {}, scale_h[G] = {}, shift_cell[1] = {}, scale_cell[1] = {};
    for (int64_t k = 0; k < records.count; ++k) {
      Base::fetch(records.gradients, k, records.count, gradients_at + j * G * n);
      Base::fetch(records.kept, k, records.count, normals_at + j * G * n);
      Base::fetch(records.kept, k, records.count, s.products_at + j * G * n);
      const S *kept = records.kept[k], *d = records.gradients[k] + gradients_at, *d_inner = d + s.wide;
      for (int g = 0; g < G; ++g) {
        const int64_t at = (j * G + g) * n;
        const Vec<S> da = load<S>(d + at);
        shift[g] += da;
        scale_x[g] += da * load<S>(kept + normals_at + at);
        scale_h[g] += da * load<S>(kept + s.products_at + at);
      }
      const Moments<S> m = cell_moments(s, kept);
      const Vec<S> dc = load<S>(d_inner + j * n);
      shift_cell[0] += dc;
      scale_cell[0] += dc * normal_of<S>(load<S>(kept + s.cells_at + j * n), m, load<S>(p.packed[Base::own] + j * n));
    }
    void* const* norms = p.dmore + Base::norms_at(*p.call);
    Base::add_sums(s, j, scale_x, norms[0]);
    Base::add_sums(s, j, scale_h, norms[2]);
    Base::add_sums(s, j, shift, norms[1]);
    Base::add_sums(s, j, shift, norms[3]);
    Base::add_sums(s, j, shift, p.db);
    Base::add_sums(s, j, scale_cell, norms[4]);
    Base::add_sums(s, j, shift_cell, norms[5]);
  }
};
