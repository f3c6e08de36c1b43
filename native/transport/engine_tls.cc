// TLS contexts, from control to the loops.
#include "core/check.h"
#include "transport/engine.h"

namespace causeway::transport {

bool Engine::SetTls(uint32_t number, const TlsOptions& options, TlsRefusal* refusal) {
  CHECK(number != 0);
  std::shared_ptr<TicketKeys>& tickets = tickets_[number];
  if (tickets == nullptr) tickets = std::make_shared<TicketKeys>();
  const std::shared_ptr<const TlsContext> context = TlsContext::Make(options, tickets, refusal);
  if (context == nullptr) return false;
  for (int i = 0; i < options_.loops; ++i) Post(i, TlsCommand{number, context});
  return true;
}

}  // namespace causeway::transport
