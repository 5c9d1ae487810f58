#define LSTMKIT_TARGET avx2
#define LSTMKIT_BYTES 32
#include "target-inl.h"
