#pragma once

#include <string_view>
#include <tuple>

#include "instance/snapshot.h"

namespace parikshan::control {

/// One field of a snapshot as it stands in a message: its name and the member behind it.
template <class Record, class Member>
struct Field {
  std::string_view name;
  Member Record::*member;
};

/// A field of raw bytes, which stand in a message as lower-case hexadecimal digits: JSON strings
/// hold text only.
template <class Record>
struct HexField {
  std::string_view name;
  std::string Record::*member;
};

/// The fields of a snapshot, in the order of the interface description. This is the one list that
/// writes messages, reads them, and that the description is tested against.
template <class Record>
struct Fields;

namespace detail {

template <class Record, class Member>
constexpr Field<Record, Member> field(std::string_view name, Member Record::*member) {
  return {name, member};
}

template <class Record>
constexpr HexField<Record> hex(std::string_view name, std::string Record::*member) {
  return {name, member};
}

}  // namespace detail

template <>
struct Fields<instance::LedgerEntry> {
  using R = instance::LedgerEntry;
  static constexpr std::string_view type = "LedgerEntry";
  static constexpr auto list = std::make_tuple(
      detail::field("session", &R::session), detail::field("client", &R::client),
      detail::field("listen", &R::listen), detail::field("replica", &R::replica),
      detail::field("open", &R::open), detail::field("due", &R::due),
      detail::field("delivered", &R::delivered), detail::field("pending", &R::pending),
      detail::field("lost", &R::lost), detail::field("has_first_lost", &R::has_first_lost),
      detail::field("first_lost", &R::first_lost), detail::field("lost_why", &R::lost_why),
      detail::field("produced", &R::produced), detail::field("compared", &R::compared),
      detail::field("uncompared", &R::uncompared), detail::field("awaited", &R::awaited),
      detail::field("answered", &R::answered),
      detail::field("has_first_divergent", &R::has_first_divergent),
      detail::field("first_divergent", &R::first_divergent),
      detail::field("divergent_why", &R::divergent_why));
};

template <>
struct Fields<instance::ReplicaSnapshot> {
  using R = instance::ReplicaSnapshot;
  static constexpr std::string_view type = "Replica";
  static constexpr auto list = std::make_tuple(
      detail::field("address", &R::address), detail::field("listen", &R::listen),
      detail::field("state", &R::state), detail::field("reason", &R::reason),
      detail::field("attached", &R::attached), detail::field("sessions", &R::sessions),
      detail::field("sessions_open", &R::sessions_open),
      detail::field("sessions_diverged", &R::sessions_diverged),
      detail::field("sessions_lost", &R::sessions_lost), detail::field("due", &R::due),
      detail::field("delivered", &R::delivered), detail::field("pending", &R::pending),
      detail::field("lost", &R::lost), detail::field("produced", &R::produced),
      detail::field("compared", &R::compared), detail::field("uncompared", &R::uncompared),
      detail::field("awaited", &R::awaited), detail::field("answered", &R::answered),
      detail::field("blocks_differing", &R::blocks_differing));
};

template <>
struct Fields<instance::PortSnapshot> {
  using R = instance::PortSnapshot;
  static constexpr std::string_view type = "Port";
  static constexpr auto list = std::make_tuple(
      detail::field("listen", &R::listen), detail::field("production", &R::production),
      detail::field("mode", &R::mode), detail::field("sessions_open", &R::sessions_open),
      detail::field("sessions_total", &R::sessions_total),
      detail::field("sessions_not_copied", &R::sessions_not_copied),
      detail::field("connect_failures", &R::connect_failures),
      detail::field("client_to_production", &R::client_to_production),
      detail::field("production_to_client", &R::production_to_client));
};

template <>
struct Fields<instance::BufferSnapshot> {
  using R = instance::BufferSnapshot;
  static constexpr std::string_view type = "Buffer";
  static constexpr auto list = std::make_tuple(
      detail::field("memory_quota", &R::memory_quota),
      detail::field("memory_used", &R::memory_used),
      detail::field("memory_resident", &R::memory_resident),
      detail::field("spill_quota", &R::spill_quota), detail::field("spill_used", &R::spill_used),
      detail::field("chunks_used", &R::chunks_used),
      detail::field("spill_problem", &R::spill_problem));
};

template <>
struct Fields<instance::WindowSnapshot> {
  using R = instance::WindowSnapshot;
  static constexpr std::string_view type = "DebugWindow";
  static constexpr auto list =
      std::make_tuple(detail::field("replica", &R::replica), detail::field("listen", &R::listen),
                      detail::field("arrival", &R::arrival), detail::field("drain", &R::drain),
                      detail::field("message", &R::message), detail::field("pending", &R::pending),
                      detail::field("room", &R::room), detail::field("keeps_up", &R::keeps_up),
                      detail::field("unbounded", &R::unbounded),
                      detail::field("seconds_to_overflow", &R::seconds_to_overflow));
};

template <>
struct Fields<instance::DifferenceSnapshot> {
  using R = instance::DifferenceSnapshot;
  static constexpr std::string_view type = "Difference";
  static constexpr auto list = std::make_tuple(
      detail::field("session", &R::session), detail::field("client", &R::client),
      detail::field("listen", &R::listen), detail::field("replica", &R::replica),
      detail::field("production_offset", &R::production_offset),
      detail::field("replica_offset", &R::replica_offset), detail::field("why", &R::why),
      detail::field("context_before", &R::context_before),
      detail::hex("production", &R::production), detail::hex("replica_bytes", &R::replica_bytes));
};

template <>
struct Fields<instance::InstanceSnapshot> {
  using R = instance::InstanceSnapshot;
  static constexpr std::string_view type = "Instance";
  static constexpr auto list = std::make_tuple(
      detail::field("name", &R::name), detail::field("policy_source", &R::policy_source),
      detail::field("pid", &R::pid), detail::field("uptime", &R::uptime),
      detail::field("state", &R::state), detail::field("reason", &R::reason),
      detail::field("draining", &R::draining), detail::field("accepting", &R::accepting),
      detail::field("not_accepting_why", &R::not_accepting_why),
      detail::field("descriptors_used", &R::descriptors_used),
      detail::field("descriptors_limit", &R::descriptors_limit),
      detail::field("arrival_rate", &R::arrival_rate),
      detail::field("answer_rate", &R::answer_rate), detail::field("ports", &R::ports),
      detail::field("replicas", &R::replicas), detail::field("buffer", &R::buffer));
};

}  // namespace parikshan::control
