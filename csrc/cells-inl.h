/* Which cell serves a call: the one place where the settings of a call become a type. Included once per target, inside
 * its namespace. */

template <class C>
struct Kind {
  using Cell = C;
};

constexpr int kNotHere = 2; /* the call asks for a cell or a combination that the kernel does not have */

inline bool any_mask(const lstmkit_stack& c) {
  for (const lstmkit_mask& mask : c.masks) {
    if (mask.values != nullptr) return true;
  }
  return false;
}

/* visit(Kind<Cell>) for the cell of this call. */
template <class S, class Visit>
auto lstm_kind(const lstmkit_stack& c, Visit visit) -> decltype(visit(Kind<Lstm<S>>{})) {
  const bool coupled = c.coupled != LSTMKIT_UNCOUPLED;
  if (c.norm == LSTMKIT_NORM_BA) return coupled ? visit(Kind<NormBaLstm<S, 3>>{}) : visit(Kind<NormBaLstm<S, 4>>{});
  if (c.norm == LSTMKIT_NORM_GATES) {
    return coupled ? visit(Kind<NormGatesLstm<S, 3>>{}) : visit(Kind<NormGatesLstm<S, 4>>{});
  }
  if (coupled) return visit(Kind<ExtendedLstm<S, 3>>{});
  if (c.peephole || c.P != c.H || any_mask(c)) return visit(Kind<ExtendedLstm<S, 4>>{});
  return visit(Kind<Lstm<S>>{});
}

template <class S, class Visit>
auto cell_kind(const lstmkit_stack& c, Visit visit) -> decltype(visit(Kind<Lstm<S>>{})) {
  switch (c.cell) {
    case LSTMKIT_LSTM:
      return lstm_kind<S>(c, visit);
    case LSTMKIT_MOGRIFIER:
      return visit(Kind<Mogrifier<S>>{});
    case LSTMKIT_SLSTM:
      return visit(Kind<SLstm<S>>{});
    case LSTMKIT_ALSTM:
      return c.P != c.H || c.lags == 0 || any_mask(c) ? kNotHere : visit(Kind<ALstm<S>>{});
    case LSTMKIT_GRU:
      return visit(Kind<Gru<S>>{});
    case LSTMKIT_RNN:
      return visit(Kind<Rnn<S>>{});
    default:
      return kNotHere;
  }
}

template <class S>
int forward_call(const lstmkit_stack& c) {
  return cell_kind<S>(c, [&](auto kind) { return forward_stack<typename decltype(kind)::Cell>(c); });
}
template <class S>
int backward_call(const lstmkit_stack& c) {
  return cell_kind<S>(c, [&](auto kind) { return backward_stack<typename decltype(kind)::Cell>(c); });
}
template <class S>
int64_t reserve_call(const lstmkit_stack& c) {
  return cell_kind<S>(c, [&](auto kind) {
    return make_shape<typename decltype(kind)::Cell>(c).reserve_values() * static_cast<int64_t>(sizeof(S));
  });
}
template <class S>
int64_t packed_call(const lstmkit_stack& c) {
  return cell_kind<S>(c, [&](auto kind) {
    return packed_stack<typename decltype(kind)::Cell>(c) * static_cast<int64_t>(sizeof(S));
  });
}
template <class S>
int pack_call(const lstmkit_stack& c, void* out) {
  return cell_kind<S>(c, [&](auto kind) { return pack_stack<typename decltype(kind)::Cell>(c, static_cast<S*>(out)); });
}
