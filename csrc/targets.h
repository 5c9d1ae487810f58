/* The list of instruction sets, as data. */
#ifndef LSTMKIT_TARGETS_H
#define LSTMKIT_TARGETS_H

#include <stdint.h>

#include "lstmkit.h"

#define LSTMKIT_STRING_(name) #name
#define LSTMKIT_STRING(name) LSTMKIT_STRING_(name)

namespace lstmkit {
struct Target {
  const char* name;
  int (*forward)(const lstmkit_stack*);
  int (*backward)(const lstmkit_stack*);
  int64_t (*reserve)(const lstmkit_stack*);
  int64_t (*packed)(const lstmkit_stack*);
  int (*pack)(const lstmkit_stack*, void*);
  int (*step)(const lstmkit_stack*);
};
}  // namespace lstmkit
#endif
