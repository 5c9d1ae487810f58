#define LSTMKIT_TARGET neon
#define LSTMKIT_BYTES 16
#define LSTMKIT_REGISTERS 32
#include "target-inl.h"
