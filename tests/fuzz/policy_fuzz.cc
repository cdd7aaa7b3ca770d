// Any bytes are a policy or a list of errors, each with a place in the text; and what cat-config
// shows of a policy is the same policy.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "policy/load.h"

namespace {

using namespace parikshan;

void require(bool held, const char* what, std::string_view text) {
  if (held)
    return;
  std::fprintf(stderr, "%s\n%.*s\n", what, static_cast<int>(text.size()), text.data());
  std::abort();
}

void check_diagnostics(const policy::Loaded& loaded) {
  for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
    const std::string text = diagnostic.text();
    require(diagnostic.location.line > 0 && diagnostic.location.column > 0, "no place", text);
    require(!diagnostic.message.empty(), "no message", text);
    for (const char c : text)
      require(c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F),
              "a control character", text);
  }
}

void check_policy(const policy::Policy& policy) {
  require(!policy.duplicates.empty(), "no port", "");
  require(policy.instance.workers >= 1 && policy.instance.workers <= 64, "workers", "");
  require(policy.buffer.session <= policy.buffer.memory, "quotas", "");
  for (const policy::Duplicate& duplicate : policy.duplicates)
    require(duplicate.listen.size() > 0 && duplicate.production.size() > 0, "addresses", "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
  const policy::Loaded loaded = policy::load_text("fuzz.toml", text);
  require(loaded.policy.has_value() == loaded.diagnostics.empty(), "policy or errors", text);
  check_diagnostics(loaded);

  const std::string shown = policy::cat_config(loaded);
  if (!loaded.policy)
    return 0;
  check_policy(*loaded.policy);
  const policy::Loaded again = policy::load_text("fuzz.toml", shown);
  require(again.policy.has_value(), config::format_diagnostics(again.diagnostics).c_str(), shown);
  require(again.policy->divergence.mask == loaded.policy->divergence.mask, "masks", shown);
  require(again.policy->buffer.session == loaded.policy->buffer.session, "session", shown);
  require(again.policy->duplicates.size() == loaded.policy->duplicates.size(), "ports", shown);
  return 0;
}
