#define LSTMKIT_TARGET avx512
#define LSTMKIT_BYTES 64
#define LSTMKIT_REGISTERS 32
#include "target-inl.h"
