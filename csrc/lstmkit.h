/* The native CPU library of lstmkit: a plain C interface without Python or libtorch in it.
 *
 * Letters: T time, B batch, I input, H hidden, K layers, D directions. All arrays are contiguous, row-major, of one type.
 */
#ifndef LSTMKIT_H
#define LSTMKIT_H

#include <stdint.h>

#if defined(_WIN32)
#define LSTMKIT_API __declspec(dllexport)
#else
#define LSTMKIT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { LSTMKIT_FLOAT32 = 0, LSTMKIT_FLOAT64 = 1 };

/* One stack of LSTM layers over a batch of sequences; the same structure serves forward and backward.
 *
 * Forward reads x, h0, c0, weights, lengths and fills y, hn, cn, and `reserve` unless it is null (inference).
 * Backward also reads y, reserve, dy, dhn, dcn and fills dx (unless null), dh0, dc0, dweights.
 */
struct lstmkit_lstm {
  int64_t T, B, I, H, K, D;
  int32_t type;    /* LSTMKIT_FLOAT32 or LSTMKIT_FLOAT64 */
  int32_t bias;    /* 1: b_ih and b_hh follow w_ih and w_hh in `weights` */
  int32_t threads; /* at least 1; the result does not depend on it */
  int32_t padding;
  const void* x;              /* (T, B, I) */
  const void* h0;             /* (K * D, B, H) */
  const void* c0;             /* (K * D, B, H) */
  const void* const* weights; /* per layer and direction: w_ih (4H, I or D * H), w_hh (4H, H), b_ih, b_hh (4H) */
  const int64_t* lengths;     /* (B,) each from 0 to T, or null for T each */
  void* y;                    /* (T, B, D * H); zero where a sequence has ended */
  void* hn;                   /* (K * D, B, H) */
  void* cn;                   /* (K * D, B, H) */
  void* reserve;              /* lstmkit_lstm_reserve(...) bytes, or null */
  const void* dy;             /* (T, B, D * H) */
  const void* dhn;            /* (K * D, B, H) */
  const void* dcn;            /* (K * D, B, H) */
  void* dx;                   /* (T, B, I) or null */
  void* dh0;                  /* (K * D, B, H) */
  void* dc0;                  /* (K * D, B, H) */
  void* const* dweights;      /* as weights */
};

/* Bytes that a training forward keeps for its backward, with the instruction set in use. */
LSTMKIT_API int64_t lstmkit_lstm_reserve(const struct lstmkit_lstm* call);

/* Return 0, or 1 if memory ran out. */
LSTMKIT_API int lstmkit_lstm_forward(const struct lstmkit_lstm* call);
LSTMKIT_API int lstmkit_lstm_backward(const struct lstmkit_lstm* call);

/* Instruction sets compiled in that this machine has, best first, separated by spaces. */
LSTMKIT_API const char* lstmkit_targets(void);
LSTMKIT_API const char* lstmkit_target(void);
/* Use one of them by name from now on; return 0, or 1 if it is not among them. */
LSTMKIT_API int lstmkit_use_target(const char* name);

#ifdef __cplusplus
}
#endif
#endif
