/* What a cell is to the kernel. Included once per target, inside its namespace.
 *
 * A cell is a class template <class S> that begins with the defaults of CellDefaults and says what differs. Every call
 * of a hook is resolved at compile time; what a cell leaves alone costs nothing. An object of it lives for one task of
 * one direction of one layer, in the backward for one block of steps.
 */

/* The rows of one step, forward. */
template <class S>
struct ForwardRows {
  int64_t step, count;
  const int64_t* number;    /* t * B + b */
  const S* const* h;        /* what the recurrent product reads: `previous`, or read_at of the kept row */
  const S* const* x;        /* what the input product reads */
  const S* const* previous; /* (P) h after the step before */
  const S* const* before;   /* (cells, padded) after the step before */
  S* const* cells;          /* (cells, padded) after this one */
  S* const* kept;           /* kept row; in inference, scratch of the same form, but the cells are not in it */
  S* const* y;              /* (P) output */
  bool keep;                /* false: inference */
};

/* The rows of one step, backward. */
template <class S>
struct BackwardRows {
  int64_t step, count;
  const int64_t* number;
  const S* const* previous;
  const S* const* before;
  const S* const* kept;
  const S* const* dy;     /* (P) */
  S* const* dh;           /* (padded_output) in: from the steps after; out: the part that is carried to h before */
  S* const* dcells;       /* (cells, padded) in: of the cells after this step; out: of those before */
  S* const* gradients;    /* row of gradients: out */
  S* const* d_read;       /* (padded_output) gradient of what the recurrence read, if that is not h before */
  S* const* dx;           /* (inputs) gradient of what the input product read; if the cell moves its input */
};

/* The rows of a block of steps that are no padding, in a fixed order: what sums over rows read. */
template <class S>
struct Records {
  int64_t count;
  int64_t* number;
  const S **x, **h;       /* what the products read */
  const S **previous, **before, **kept;
  const S** gradients;
};

template <class S>
struct JobList;

template <class S>
struct CellDefaults {
  using Scalar = S;
  /* The cell works on whole rows of pre-activations (without bias), not on blocks in registers. */
  static constexpr bool whole_rows = false;
  /* With whole_rows: products of x (in the gates) and of h (at products_at) stay apart, and so do their gradients. */
  static constexpr bool separate = false;
  /* before_step makes what the input product reads, first in the kept row's extra values; so the product is made step
   * by step. */
  static constexpr bool moves_input = false;
  /* A gate of which x, or h, has no part: its weights are zeros, and zero times infinity must not come into it. */
  static constexpr int x_skips = -1, h_skips = -1;
  /* A part of the gradient of h goes to h before without the recurrent weights. */
  static constexpr bool carries = false;
  /* sum_units adds to gradients of weights of the cell's own. */
  static constexpr bool sums_units = false;

  static Needs needs(const Shape<S>&, const lstmkit_stack&) { return {}; }
  /* Packs weights of the cell's own into p.packed, for forward and backward alike. False: memory ran out. */
  static bool pack(Pass<S>&, Arena&) { return true; }
  /* Before the first step (backward: of the block); memory of the cell's own for `rows` sequences. */
  bool prepare(Arena&, const Chunk<S>&) { return true; }

  void before_step(const ForwardRows<S>&) {}
  void after_step(const ForwardRows<S>&) {}
  /* What row r hands to the next step as h, after after_step; and where the backward finds that again. */
  const S* h_after(const ForwardRows<S>& rows, int64_t r) const { return rows.y[r]; }
  static const S* h_before(const Pass<S>& p, int64_t place, int64_t step) { return p.h_before(place, step); }
  /* When every sequence of the chunk has ended: last states beyond h and cells. */
  void finish(const Chunk<S>&) {}

  void before_backward(const BackwardRows<S>&) {}
  void after_backward(const BackwardRows<S>&) {}
  /* When the first step is done: gradients of states beyond h and cells. */
  void finish_backward(const Chunk<S>&) {}

  /* Set to zero what sum_units adds to. */
  static void start_sums(const Pass<S>&) {}
  /* Further sums of products over rows, and how many there are at most. */
  static int64_t more_jobs(const lstmkit_stack&) { return 1; }
  static void add_jobs(const Pass<S>&, const Records<S>&, JobList<S>&) {}
};
/* Besides, a cell has
 *   static constexpr int gates, cells
 *   explicit Cell(const Pass<S>&)
 *   void forward_block(rows, r, j, Vec<S> (&a)[gates]) const    unless whole_rows: row r, block j, pre-activations a;
 *                                                                writes cells, y, and the gates that it keeps
 *   void forward_row(rows, r)                                   if whole_rows
 *   void backward_row(rows, r)                                  writes gradients, dcells, and dh if it carries
 *   static void sum_units(const Pass<S>&, const Records<S>&, int64_t j)   if sums_units: adds sums over the rows, in
 *                                                                their order, to the tensors of p.dmore
 */
