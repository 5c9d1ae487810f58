#define LSTMKIT_TARGET avx512
#define LSTMKIT_BYTES 64
#include "target-inl.h"
