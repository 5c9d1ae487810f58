#define LSTMKIT_TARGET portable
#define LSTMKIT_BYTES 16
#define LSTMKIT_REGISTERS 16
#include "target-inl.h"
