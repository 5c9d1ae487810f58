#define LSTMKIT_TARGET portable
#define LSTMKIT_BYTES 16
#include "target-inl.h"
