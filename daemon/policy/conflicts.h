#pragma once

#include <optional>
#include <vector>

#include "config/diagnostic.h"
#include "policy/policy.h"

namespace parikshan::policy {

/// An address and the place in the policy that named it.
struct PlacedAddress {
  net::Address address;
  config::Location location;
};

/// The addresses of one [[duplicate]]; what was not given, or is no address, is absent.
struct PlacedDuplicate {
  std::optional<PlacedAddress> listen;
  std::optional<PlacedAddress> production;
  std::vector<PlacedAddress> replicas;
};

/// Appends an error for each address that cannot go with another: two listens on one port (a
/// wildcard covers what it includes; "[::]" takes IPv4 as well), a production or replica that is
/// the port itself, and a replica that is production or another replica.
void check_conflicts(const std::vector<PlacedDuplicate>& duplicates,
                     config::Diagnostics& diagnostics);

}  // namespace parikshan::policy
