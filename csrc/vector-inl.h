/* Vectors of one instruction set, and the two activations. Included once per target, inside its namespace. */

template <class S>
struct Lanes {
  typedef S Vector __attribute__((vector_size(LSTMKIT_BYTES)));
  typedef S Loose __attribute__((vector_size(LSTMKIT_BYTES), aligned(alignof(S)), may_alias));
  static constexpr int64_t n = LSTMKIT_BYTES / sizeof(S);
};
template <class S>
using Vec = typename Lanes<S>::Vector;

template <class S>
inline Vec<S> load(const S* p) {
  return *reinterpret_cast<const typename Lanes<S>::Loose*>(p);
}
template <class S>
inline void store(S* p, Vec<S> v) {
  *reinterpret_cast<typename Lanes<S>::Loose*>(p) = v;
}
template <class S>
inline Vec<S> splat(S x) {
  return x - Vec<S>{};
}
/* The first `count` lanes; the others are zero, and left alone. */
template <class S>
inline Vec<S> load_some(const S* p, int64_t count) {
  Vec<S> v{};
  for (int64_t k = 0; k < count; ++k) v[k] = p[k];
  return v;
}
template <class S>
inline void store_some(S* p, Vec<S> v, int64_t count) {
  for (int64_t k = 0; k < count; ++k) p[k] = v[k];
}

/* The same value, but the product in it is rounded before it is added to another. Of two products in a sum the compiler
 * may fuse either; which one must not differ between the tile sizes, or results would depend on the number of threads. */
template <class V>
inline V rounded(V v) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(v));
#elif defined(__x86_64__)
  __asm__("" : "+x"(v));
#elif defined(__aarch64__)
  __asm__("" : "+w"(v));
#else
  __asm__("" : "+m"(v));
#endif
  return v;
}

/* tanh as a ratio of polynomials (odd of degree 13 over even of degree 6), within 4 units in the last place of float32;
 * beyond 9 it rounds to 1. The comparisons let NaN through. */
inline Vec<float> tanh_of(Vec<float> x) {
  x = x > 9.0f ? splat(9.0f) : x;
  x = x < -9.0f ? splat(-9.0f) : x;
  const Vec<float> z = x * x;
  Vec<float> p = z * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = z * p + -8.60467152213735e-11f;
  p = z * p + 5.12229709037114e-08f;
  p = z * p + 1.48572235717979e-05f;
  p = z * p + 6.37261928875436e-04f;
  p = z * p + 4.89352455891786e-03f;
  Vec<float> q = z * 1.19825839466702e-06f + 1.18534705686654e-04f;
  q = z * q + 2.26843463243900e-03f;
  q = z * q + 4.89352518554385e-03f;
  return x * p / q;
}
inline Vec<float> sigmoid_of(Vec<float> x) { return tanh_of(x * 0.5f) * 0.5f + 0.5f; }

inline Vec<double> tanh_of(Vec<double> x) {
  for (int64_t k = 0; k < Lanes<double>::n; ++k) x[k] = __builtin_tanh(x[k]);
  return x;
}
inline Vec<double> sigmoid_of(Vec<double> x) {
  for (int64_t k = 0; k < Lanes<double>::n; ++k) x[k] = 1.0 / (1.0 + __builtin_exp(-x[k]));
  return x;
}
