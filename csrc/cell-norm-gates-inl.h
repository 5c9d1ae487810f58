/* The LSTM with the layer norms of TensorFlow Lite: of every gate by itself, after the peepholes and before the bias.
 * Included once per target, inside its namespace.
 *
 * After what the extended LSTM keeps: normals (wide), inverses of the gates. Gradients: of scale * normal (wide). */

template <class S, int G>
struct NormGatesLstm : NormLstm<S, G> {
  using Base = NormLstm<S, G>;
  using Base::Base, Base::n, Base::p, Base::s, Base::peephole;
  enum { kScale = Base::own + 1 };

  static Needs needs(const Shape<S>& s, const lstmkit_stack& c) {
    Needs all = Base::needs(s, c);
    all.extra += s.wide + G;
    all.gradients += s.wide;
    return all;
  }

  static bool pack(Pass<S>& p, Arena& arena) {
    const S** packed = Base::pack_base(p, arena);
    if (packed == nullptr) return false;
    packed[kScale] = Base::take_gates(*p.shape, arena, p.more[Base::norms_at(*p.call)]);
    return !arena.failed;
  }

  Vec<S> in(int64_t j) const { return load<S>(p.packed[Base::own] + j * n); }
  Vec<S> scale_of(int64_t at) const { return load<S>(p.packed[kScale] + at); }

  void forward_row(const ForwardRows<S>& rows, int64_t r) const {
    S *row = rows.kept[r], *last = row + (G - 1) * n, *inverse = row + Base::normals_at(s) + s.wide;
    Moments<S> early[G - 1], late[1];
    for (int64_t j = 0; peephole && j < s.blocks; ++j) {
      const Vec<S> before = load<S>(rows.before[r] + j * n);
      for (int g = 0; g < G - 2; ++g) {
        S* a = row + (j * G + g) * n;
        store<S>(a, load<S>(a) + Base::peephole_of(g, j) * before);
      }
    }
    measure<false>(s, p.call->epsilon, Base::valid(), row, G * n, early);
    for (int64_t j = 0; j < s.blocks; ++j) {
      Vec<S> a[G];
      for (int g = 0; g < G - 1; ++g) a[g] = normalize(rows, r, j, g, early[g]);
      a[G - 1] = load<S>(last + j * G * n);
      const Vec<S> c = Base::cell_block(rows, r, j, a);
      if (peephole) store<S>(last + j * G * n, a[G - 1] + Base::peephole_of(G - 2, j) * c);
    }
    measure<false>(s, p.call->epsilon, Base::valid(), last, G * n, late);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const Vec<S> o = sigmoid_of(normalize(rows, r, j, G - 1, late[0]));
      store<S>(last + j * G * n, o);
      Base::finish_block(rows, r, j, rounded(o * tanh_of(load<S>(rows.cells[r] + j * n))));
    }
    for (int g = 0; g < G; ++g) inverse[g] = g < G - 1 ? early[g].inverse : late[0].inverse;
  }

  Vec<S> normalize(const ForwardRows<S>& rows, int64_t r, int64_t j, int g, Moments<S> m) const {
    const int64_t at = (j * G + g) * n;
    const Vec<S> normal = normal_of<S>(load<S>(rows.kept[r] + at), m, in(j));
    if (rows.keep) store<S>(rows.kept[r] + Base::normals_at(s) + at, normal);
    return normal * scale_of(at) + load<S>(p.bias + at);
  }

  void backward_row(const BackwardRows<S>& rows, int64_t r) const {
    const S *kept = rows.kept[r], *normals = kept + Base::normals_at(s), *inverse = normals + s.wide;
    S *to = rows.gradients[r], *dz = to + Base::norm_gradients_at(s), *dc = rows.dcells[r];
    NormGradients<S, 1> late;
    NormGradients<S, G - 1> early;
    for (int64_t j = 0; j < s.blocks; ++j) {
      const int64_t at = (j * G + G - 1) * n;
      const Vec<S> o = load<S>(kept + at), out = tanh_of(load<S>(kept + s.cells_at + j * n));
      const Vec<S> d_out = Base::d_inner(rows, r, j), d = rounded(d_out * out * o * (S(1) - o));
      store<S>(dz + at, d);
      store<S>(dc + j * n, load<S>(dc + j * n) + rounded(d_out * o * (S(1) - out * out)));
      late.add(0, rounded(d * scale_of(at)), load<S>(normals + at));
    }
    late.finish(s.H);
    for (int64_t j = 0; j < s.blocks; ++j) {
      const int64_t first = j * G * n, at = first + (G - 1) * n;
      Vec<S> d[G], d_cell = load<S>(dc + j * n);
      d[G - 1] = late.value(0, rounded(load<S>(dz + at) * scale_of(at)), load<S>(normals + at), inverse[G - 1]);
      store<S>(to + at, d[G - 1]);
      if (peephole) d_cell += Base::peephole_of(G - 2, j) * d[G - 1];
      store<S>(dc + j * n, Base::cell_gradients(rows, r, j, d_cell, d));
      for (int g = 0; g < G - 1; ++g) {
        store<S>(dz + first + g * n, d[g]);
        early.add(g, rounded(d[g] * scale_of(first + g * n)), load<S>(normals + first + g * n));
      }
    }
    early.finish(s.H);
    for (int64_t j = 0; j < s.blocks; ++j) {
      Vec<S> d_before = load<S>(dc + j * n);
      for (int g = 0; g < G - 1; ++g) {
        const int64_t at = (j * G + g) * n;
        const Vec<S> d = early.value(g, rounded(load<S>(dz + at) * scale_of(at)), load<S>(normals + at), inverse[g]);
        store<S>(to + at, d);
        if (peephole && g < G - 2) d_before += Base::peephole_of(g, j) * d;
      }
      store<S>(dc + j * n, d_before);
    }
  }

  static void start_sums(const Pass<S>& p) {
    Base::start_sums(p);
    Base::clear(p.dmore[Base::norms_at(*p.call)], G * p.shape->H);
    if (p.db != nullptr) Base::clear(p.db, G * p.shape->H);
  }
  static void sum_units(const Pass<S>& p, const Records<S>& records, int64_t j) {
    const Shape<S>& s = *p.shape;
    Base::sum_units(p, records, j);
    Vec<S> shift[G] = {}, scale[G] = {};
    for (int64_t k = 0; k < records.count; ++k) {
      Base::fetch(records.gradients, k, records.count, Base::norm_gradients_at(s) + j * G * n);
      Base::fetch(records.kept, k, records.count, Base::normals_at(s) + j * G * n);
      const S* dz = records.gradients[k] + Base::norm_gradients_at(s) + j * G * n;
      const S* normals = records.kept[k] + Base::normals_at(s) + j * G * n;
      for (int g = 0; g < G; ++g) {
        const Vec<S> d = load<S>(dz + g * n);
        shift[g] += d;
        scale[g] += d * load<S>(normals + g * n);
      }
    }
    Base::add_sums(s, j, scale, p.dmore[Base::norms_at(*p.call)]);
    Base::add_sums(s, j, shift, p.db);
  }
};
