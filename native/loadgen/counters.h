// What every thread of the generator counts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace causeway::loadgen {

#define CAUSEWAY_LOADGEN_COUNTERS(X)                                          \
  X(connected)       /* subscribers and churners that got a good CONNACK */   \
  X(subscribed)      /* of them, those with all their SUBACKs */              \
  X(publishersReady) /* publishers that got a good CONNACK */                 \
  X(connectFailures) /* clients that never became ready */                    \
  X(disconnects)     /* clients that the broker left after that */            \
  X(published)       /* PUBLISH appended */                                   \
  X(acknowledged)    /* of them, PUBACK or PUBCOMP came */                    \
  X(refused)         /* of them, answered with a reason ≥ 0x80 */             \
  X(expected)        /* deliveries that what was published should cause */    \
  X(delivered)       /* PUBLISH received */                                   \
  X(unique)          /* of them, not seen before */                           \
  X(gaps)            /* numbers passed over, when they were */                \
  X(repeated)        /* received a second time */                             \
  X(reordered)       /* received after a later one of the same publisher */   \
  X(corrupt)         /* payload of a wrong size or with a wrong last byte */  \
  X(foreign)         /* payload of somebody else */                           \
  X(protocolErrors)  /* packets that a broker may not send */                 \
  X(stalls)          /* windows opened again by giving up what was in them */ \
  X(late)            /* times that a schedule could not be kept */            \
  X(subscriptions)   /* SUBACKs of churners */                                \
  X(unsubscriptions) /* UNSUBACKs of churners */                              \
  X(reads)           /* recv calls that brought something */                  \
  X(bytesRead)

/// Of one thread, plain.
struct Counts {
#define CAUSEWAY_FIELD(name) uint64_t name = 0;
  CAUSEWAY_LOADGEN_COUNTERS(CAUSEWAY_FIELD)
#undef CAUSEWAY_FIELD
};

/// The same for others to read, written once a turn. Relaxed: figures, not an order; a reader may
/// see one counter of this turn beside another of the last.
struct alignas(64) PublishedCounts {
#define CAUSEWAY_FIELD(name) std::atomic<uint64_t> name{0};
  CAUSEWAY_LOADGEN_COUNTERS(CAUSEWAY_FIELD)
#undef CAUSEWAY_FIELD

  void Store(const Counts& counts) {
#define CAUSEWAY_FIELD(name) name.store(counts.name, std::memory_order_relaxed);
    CAUSEWAY_LOADGEN_COUNTERS(CAUSEWAY_FIELD)
#undef CAUSEWAY_FIELD
  }
  void AddTo(Counts* sum) const {
#define CAUSEWAY_FIELD(name) sum->name += name.load(std::memory_order_relaxed);
    CAUSEWAY_LOADGEN_COUNTERS(CAUSEWAY_FIELD)
#undef CAUSEWAY_FIELD
  }
};

}  // namespace causeway::loadgen
