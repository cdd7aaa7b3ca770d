#include "stream/session_streams.h"

namespace parikshan::stream {

void SessionStreams::close() {
  closed_.store(true, std::memory_order_seq_cst);
  publish();
  drop();
}

void SessionStreams::drop() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

}  // namespace parikshan::stream
