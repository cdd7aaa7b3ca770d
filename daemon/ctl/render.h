#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "instance/snapshot.h"
#include "window/plan.h"

namespace parikshan::ctl {

/// What people see of an instance: pure functions from data to text. The text ends with a newline
/// and holds no control character that came from the data.

/// One line of `list`.
struct Listed {
  std::string name;
  bool running = false;
  bool has_policy = false;
  std::string state;  ///< of a running one, or why it cannot be asked
  long pid = 0;
  unsigned long sessions = 0;
  std::string policy_source;
};
std::string render_list(const std::vector<Listed>& instances);

std::string render_status(const instance::InstanceSnapshot& status);

struct Ledger {
  std::vector<instance::LedgerEntry> entries;
  bool complete = true;
  std::vector<instance::ReplicaSnapshot> replicas;  ///< totals, taken just after the entries
};
/// Exact bytes, so that each line and the totals can be seen to add up.
std::string render_ledger(const Ledger& ledger);

std::string render_differences(const std::vector<instance::DifferenceSnapshot>& differences,
                               bool complete);

std::string render_windows(const std::vector<instance::WindowSnapshot>& windows);
std::string render_plan(const window::PlanInput& input, const window::Plan& plan);

/// What `top` shows at one moment.
struct TopFrame {
  instance::InstanceSnapshot status;
  std::vector<instance::WindowSnapshot> windows;
};
/// A screen of `columns` × `rows`: at most that many lines and characters. `previous`, which gives
/// the rates, may be null.
std::string render_top(const TopFrame& frame, const TopFrame* previous, std::size_t columns,
                       std::size_t rows);
/// The same in one line.
std::string render_top_line(const TopFrame& frame, const TopFrame* previous);

}  // namespace parikshan::ctl
