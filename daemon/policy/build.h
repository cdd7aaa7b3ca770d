#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/value.h"
#include "policy/policy.h"

namespace parikshan::policy {

/// Makes a policy of the merged values of files that config::check_document has seen, with the
/// defaults of the table of keys, and appends what is wrong between values: no [[duplicate]],
/// conflicting addresses, replicas under passthrough, quotas that exceed each other. What
/// check_document has reported is passed over in silence; the policy is worth something only when
/// neither of the two appended anything. `file` locates what is missing altogether.
Policy build(std::string_view name, const config::Value& merged, const config::Location& file,
             config::Diagnostics& diagnostics);

/// config::AddressCheck by net::Address.
std::optional<std::string> address_problem(std::string_view text);

}  // namespace parikshan::policy
