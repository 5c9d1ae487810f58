#define LSTMKIT_TARGET avx2
#define LSTMKIT_BYTES 32
#define LSTMKIT_REGISTERS 16
#include "target-inl.h"
