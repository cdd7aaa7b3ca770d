#pragma once

#include <string_view>

namespace parikshan::control {

/// Names and descriptions (Varlink interface definition language) of what the socket speaks.
inline constexpr std::string_view service_interface = "org.varlink.service";
inline constexpr std::string_view parikshan_interface = "io.parikshan";
extern const std::string_view service_description;
extern const std::string_view parikshan_description;

/// Errors as they stand in a reply.
namespace errors {
inline constexpr std::string_view interface_not_found = "org.varlink.service.InterfaceNotFound";
inline constexpr std::string_view method_not_found = "org.varlink.service.MethodNotFound";
inline constexpr std::string_view invalid_parameter = "org.varlink.service.InvalidParameter";
inline constexpr std::string_view expected_more = "org.varlink.service.ExpectedMore";
inline constexpr std::string_view service_permission_denied =
    "org.varlink.service.PermissionDenied";
inline constexpr std::string_view no_such_replica = "io.parikshan.NoSuchReplica";
inline constexpr std::string_view bad_address = "io.parikshan.BadAddress";
inline constexpr std::string_view not_possible = "io.parikshan.NotPossible";
inline constexpr std::string_view policy_invalid = "io.parikshan.PolicyInvalid";
inline constexpr std::string_view permission_denied = "io.parikshan.PermissionDenied";
}  // namespace errors

}  // namespace parikshan::control
