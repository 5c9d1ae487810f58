/* The native CPU library of lstmkit: a plain C interface without Python or libtorch in it.
 *
 * Letters: T time, B batch, I input, H hidden, P width of the output (H unless projected), K layers, D directions,
 * G gates (4; 3 with coupled gates; 1 for the Elman network). All arrays are contiguous, row-major, of one type.
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

/* The cells, the tensors of their state, and what follows w_ih, w_hh, b_ih, b_hh in their weights. */
enum {
  LSTMKIT_LSTM = 0,      /* h (P), c (H); w_hr (P, H) if projected; peepholes (3 or, coupled, 2 rows of H);
                            LSTMKIT_NORM_BA: scale and shift of x part (G H), of h part (G H), of cell (H);
                            LSTMKIT_NORM_GATES: scale (G H) */
  LSTMKIT_ALSTM = 1,     /* h, c (H) as they feed the next step, h and then c of the steps since the last mix, newest
                            first (each (period - 1) H), and how many of these there are (1); score (H) unless mean */
  LSTMKIT_MOGRIFIER = 2, /* h, c (H); for round 1, 2, ...: (I, H) if odd, (H, I) if even; with a rank r each is two:
                            (I, r), (r, H) or (H, r), (r, I) */
  LSTMKIT_SLSTM = 3,     /* h, c, n, m (H); gates i f z o */
  LSTMKIT_GRU = 4,       /* h (H); gates r, z, and of the candidate the part of x and the part of h: w_ih (4H, I) with
                            zero rows in the last quarter, w_hh (4H, H) with zero rows in the third, biases likewise */
  LSTMKIT_RNN = 5,       /* h (H); one gate, tanh */
  LSTMKIT_CELLS = 6
};
enum { LSTMKIT_UNCOUPLED = 0, LSTMKIT_KEEPS_INPUT = 1, LSTMKIT_KEEPS_FORGET = 2 };
enum { LSTMKIT_NO_NORM = 0, LSTMKIT_NORM_BA = 1, LSTMKIT_NORM_GATES = 2 };

/* Which mask multiplies what. A zoneout mask is the share of the old value that is kept. */
enum { LSTMKIT_ZONEOUT_H = 0, LSTMKIT_ZONEOUT_C = 1, LSTMKIT_CANDIDATE = 2, LSTMKIT_STATE = 3, LSTMKIT_MASKS = 4 };

/* (K * D, T', B', width): T' is T or 1, B' is B or 1; the width is P for h and the state, else H. Null: no mask. */
struct lstmkit_mask {
  const void* values;
  int64_t steps, sequences; /* T', B' */
};

/* One stack of layers over a batch of sequences; the same structure serves forward and backward.
 *
 * Forward reads x, state, weights, lengths, masks and fills y, last, and `reserve` unless it is null (inference).
 * Backward also reads y, reserve, dy, dlast and fills dx (unless null), dstate, dweights.
 */
struct lstmkit_stack {
  int64_t T, B, I, H, P, K, D;
  int32_t type; /* LSTMKIT_FLOAT32 or LSTMKIT_FLOAT64 */
  int32_t cell;
  int32_t bias;    /* 1: b_ih and b_hh follow w_ih and w_hh in `weights` */
  int32_t each;    /* tensors of `weights` per direction of a layer */
  int32_t states;  /* tensors of `state` */
  int32_t threads; /* at least 1; the result does not depend on it */
  int32_t peephole, coupled, norm; /* LSTMKIT_LSTM only; coupled: which gate is kept, with G = 3: it, g, o */
  int32_t period, lags, mean;      /* LSTMKIT_ALSTM only; lags: bit k is lag k + 1; period at least the largest */
  int32_t rounds, rank;            /* LSTMKIT_MOGRIFIER only; rank 0: full matrices */
  const void* x;                   /* (T, B, I) */
  const void* const* state;        /* each (K * D, B, its width) */
  const void* const* weights;      /* per layer and direction: w_ih (G H, I or D P), w_hh (G H, P), b_ih, b_hh, ... */
  const int64_t* lengths;          /* (B,) each from 0 to T, or null for T each */
  struct lstmkit_mask masks[LSTMKIT_MASKS]; /* LSTMKIT_LSTM only */
  void* y;                                  /* (T, B, D * P); zero where a sequence has ended */
  void* const* last;                        /* as state */
  void* reserve;                            /* lstmkit_reserve(...) bytes, or null */
  const void* dy;                           /* (T, B, D * P) */
  const void* const* dlast;                 /* as state */
  void* dx;                                 /* (T, B, I) or null */
  void* const* dstate;                      /* as state */
  void* const* dweights;                    /* as weights */
  double epsilon;                           /* added to the variance in layer norms */
  const void* packed;                       /* what lstmkit_pack wrote for these weights, or null; forward only */
  int32_t exponential;                      /* LSTMKIT_SLSTM only: 1 if the forget gate is exp, else logistic */
};

/* Bytes that a training forward keeps for its backward, with the instruction set in use. */
LSTMKIT_API int64_t lstmkit_reserve(const struct lstmkit_stack* call);

/* Bytes of the packed weights of a stack with the instruction set in use. Packed once, they serve calls that repeat. */
LSTMKIT_API int64_t lstmkit_packed(const struct lstmkit_stack* call);
/* Pack the weights of `call` into 64-byte aligned memory; return 0, or 2 if the kernel does not have this cell. */
LSTMKIT_API int lstmkit_pack(const struct lstmkit_stack* call, void* packed);

/* Whether each of `count` pieces of memory holds the same bytes as its counterpart: 1 or 0. What was packed is still the
 * caller's weights if these are the same as when it was packed. */
LSTMKIT_API int lstmkit_same(const void* const* one, const void* const* other, const int64_t* bytes, int64_t count);

/* One step, T = 1, of a stack of plain LSTMs of one direction for at most 8 sequences, inference only: weights are read as
 * they are, which for so few costs less than to pack them. Return 0, or 2 for any other call. */
LSTMKIT_API int lstmkit_step(const struct lstmkit_stack* call);

/* Return 0, or 1 if memory ran out, 2 if the kernel does not have this cell, 3 if a length is not between 0 and T. */
LSTMKIT_API int lstmkit_forward(const struct lstmkit_stack* call);
LSTMKIT_API int lstmkit_backward(const struct lstmkit_stack* call);

/* Instruction sets compiled in that this machine has, best first, separated by spaces. */
LSTMKIT_API const char* lstmkit_targets(void);
LSTMKIT_API const char* lstmkit_target(void);
/* Use one of them by name from now on; return 0, or 1 if it is not among them. */
LSTMKIT_API int lstmkit_use_target(const char* name);

#ifdef __cplusplus
}
#endif
#endif
