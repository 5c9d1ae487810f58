/* Large pieces of memory, kept from call to call. The system zeroes fresh pages when they are first touched, which
 * takes longer than a small call; so a thread keeps some of what it gave back for its next call. */
#ifndef LSTMKIT_MEMORY_H
#define LSTMKIT_MEMORY_H

#include <stddef.h>

namespace lstmkit {

/* At least `bytes`, aligned to a cache line; null if there are none left. */
void* take_memory(size_t bytes);
/* Give back what take_memory(bytes) returned, from the same thread. */
void give_memory(void* piece, size_t bytes);

}  // namespace lstmkit
#endif
