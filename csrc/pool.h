/* A small thread pool: run numbered tasks, wait for all. Safe after fork; threads are started when first needed. */
#ifndef LSTMKIT_POOL_H
#define LSTMKIT_POOL_H

namespace lstmkit {

typedef void (*Task)(void* context, long number);

/* Run task(context, 0 .. count - 1) on at most `threads` threads, this one included; return when all are done. */
void run_tasks(Task task, void* context, long count, int threads);

}  // namespace lstmkit
#endif
