/* Vectors of one instruction set, and functions of them. Included once per target, inside its namespace. */

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

/* The first `count` lanes of memory, at most all; the others are zero when read, and left alone when written. */
#if defined(__AVX512F__)
inline Vec<float> load_some(const float* p, int64_t count) {
  return Vec<float>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
}
inline Vec<double> load_some(const double* p, int64_t count) {
  return Vec<double>(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p));
}
inline void store_some(float* p, Vec<float> v, int64_t count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), __m512(v));
}
inline void store_some(double* p, Vec<double> v, int64_t count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), __m512d(v));
}
#else
template <class S>
inline Vec<S> load_some(const S* p, int64_t count) {
  if (count == Lanes<S>::n) return load<S>(p);
  Vec<S> v{};
  for (int64_t k = 0; k < count; ++k) v[k] = p[k];
  return v;
}
template <class S>
inline void store_some(S* p, Vec<S> v, int64_t count) {
  if (count == Lanes<S>::n) return store<S>(p, v);
  for (int64_t k = 0; k < count; ++k) p[k] = v[k];
}
#endif

/* The same value, but the product in it is rounded before it is added to another. Of two products in a sum the compiler
 * may fuse either; which one must not differ between tile sizes, or results would depend on the number of threads. */
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

/* a / b for finite numbers whose quotient is far from the limits of the type. A vector division takes as long as 16
 * products, so AVX-512 begins with the estimate of 1 / b that it has and corrects the quotient once. */
inline Vec<float> quotient(Vec<float> a, Vec<float> b) {
#if defined(__AVX512F__)
  const Vec<float> inverse = Vec<float>(_mm512_maskz_rcp14_ps(0xffff, __m512(b)));
  const Vec<float> first = rounded(a * inverse);
  return first + (a - first * b) * inverse;
#else
  return a / b;
#endif
}

/* x between -limit and limit; NaN stays, because the machine's minimum gives its second operand then. */
inline Vec<float> limited(Vec<float> x, float limit) {
#if defined(__AVX512F__)
  x = Vec<float>(_mm512_maskz_min_ps(0xffff, __m512(splat(limit)), __m512(x)));
  return Vec<float>(_mm512_maskz_max_ps(0xffff, __m512(splat(-limit)), __m512(x)));
#else
  x = x > limit ? splat(limit) : x;
  return x < -limit ? splat(-limit) : x;
#endif
}

/* tanh as a ratio of polynomials (odd of degree 13 over even of degree 6), within 4.5 units in the last place of
 * float32. The limit is where the ratio rounds to 1 for the first time; it is never larger. */
inline Vec<float> tanh_of(Vec<float> x) {
  x = limited(x, 7.99881172f);
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
  return quotient(x * p, q);
}
inline Vec<float> sigmoid_of(Vec<float> x) { return tanh_of(x * 0.5f) * 0.5f + 0.5f; }

/* exp within 1 unit in the last place of float32: 2^k exp(r) with r at most log(2) / 2, and a polynomial for exp(r).
 * Where x is out of reach it is brought to where the result is infinity or zero; the comparisons let NaN through. */
inline Vec<float> exp_of(Vec<float> x) {
  typedef int32_t Integers __attribute__((vector_size(LSTMKIT_BYTES)));
  x = x > 89.0f ? splat(89.0f) : x;
  x = x < -104.0f ? splat(-104.0f) : x;
  const Vec<float> shifter = splat(12582912.0f); /* 1.5 * 2^23: what is added to it is rounded to an integer */
  const Vec<float> shifted = x * 1.44269504088896f + shifter, k = shifted - shifter;
  const Vec<float> r = (x - k * 0.693359375f) - k * -2.12194440054690e-04f; /* the first product is exact */
  Vec<float> p = r * 1.38145986466640e-03f + 8.36871687972814e-03f;
  p = r * p + 4.16683880453140e-02f;
  p = r * p + 1.66665206317095e-01f;
  p = r * p + 4.99999934477965e-01f;
  p = r * r * p + r + 1.0f;
  /* In two factors: 2^k by itself may be out of the range of the type. */
  const Integers power = Integers(shifted) - Integers(shifter), half = power >> 1;
  const Vec<float> first = Vec<float>((half + 127) << 23), second = Vec<float>((power - half + 127) << 23);
  return rounded(p * first * second);
}

/* log(1 + x) for x from 0 to 1, within 2 units in the last place of float32: 2 atanh(x / (2 + x)). */
inline Vec<float> log1p_of(Vec<float> x) {
  const Vec<float> s = quotient(x, x + 2.0f), z = s * s;
  Vec<float> p = z * 2.80244589710221e-01f + 2.79991410478405e-01f;
  p = z * p + 4.00216990612775e-01f;
  p = z * p + 6.66664131326639e-01f;
  return rounded(s * z * p) + s * 2.0f;
}

/* exp within 1 unit in the last place of float64, by the same steps; a polynomial of degree 13 serves for exp(r). */
inline Vec<double> exp_of(Vec<double> x) {
  typedef int64_t Integers __attribute__((vector_size(LSTMKIT_BYTES)));
  x = x > 710.0 ? splat(710.0) : x;
  x = x < -746.0 ? splat(-746.0) : x;
  const Vec<double> shifter = splat(6755399441055744.0); /* 1.5 * 2^52 */
  const Vec<double> shifted = x * 1.4426950408889634 + shifter, k = shifted - shifter;
  const Vec<double> shifted_half = k * 0.5 + shifter; /* AVX2 cannot shift 64-bit integers to the right with their sign */
  const Vec<double> r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  Vec<double> p = r * 1.6059043836821613e-10 + 2.08767569878681e-09; /* 1 / 13!, 1 / 12!, ... */
  p = r * p + 2.505210838544172e-08;
  p = r * p + 2.755731922398589e-07;
  p = r * p + 2.7557319223985893e-06;
  p = r * p + 2.48015873015873e-05;
  p = r * p + 1.984126984126984e-04;
  p = r * p + 1.388888888888889e-03;
  p = r * p + 8.333333333333333e-03;
  p = r * p + 4.1666666666666664e-02;
  p = r * p + 1.6666666666666666e-01;
  p = r * p + 0.5;
  p = rounded(r * r) * p + r + 1.0;
  const Integers power = Integers(shifted) - Integers(shifter), half = Integers(shifted_half) - Integers(shifter);
  const Vec<double> first = Vec<double>((half + 1023) << 52), second = Vec<double>((power - half + 1023) << 52);
  return rounded(p * first * second);
}
inline Vec<double> sigmoid_of(Vec<double> x) { return 1.0 / (exp_of(-x) + 1.0); }

/* tanh within 2 units in the last place of float64: x + x^3 P(x^2) / Q(x^2) for small x (Cephes), else 1 - 2 / (1 +
 * exp(2 |x|)); the quotient is the same one. */
inline Vec<double> tanh_of(Vec<double> x) {
  const Vec<double> size = x < 0.0 ? -x : x, z = x * x;
  Vec<double> p = z * -9.64399179425052238628e-01 + -9.92877231001918586564e+01;
  p = z * p + -1.61468768441708447952e+03;
  Vec<double> q = z + 1.12811678491632931402e+02;
  q = z * q + 2.23548839060100448583e+03;
  q = z * q + 4.84406305325125486048e+03;
  const auto small = size < 0.625; /* not for NaN, which the exponential lets through */
  const Vec<double> above = small ? rounded(size * z) * p : splat(-2.0);
  const Vec<double> below = small ? q : exp_of(size * 2.0) + 1.0;
  const Vec<double> found = (small ? size : splat(1.0)) + above / below;
  return x < 0.0 ? -found : found;
}

inline Vec<double> log1p_of(Vec<double> x) {
  for (int64_t k = 0; k < Lanes<double>::n; ++k) x[k] = __builtin_log1p(x[k]);
  return x;
}
