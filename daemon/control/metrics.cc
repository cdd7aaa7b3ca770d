// OpenMetrics wants all samples of a family together, while snapshots come record by record. So
// each family is one row of a table (name, type, help, how to get the number), and the text is
// written family by family.
#include "control/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <iterator>

#include "control/snapshot_json.h"

namespace parikshan::control {
namespace {

using instance::InstanceSnapshot;
using instance::PortSnapshot;
using instance::ReplicaSnapshot;
using instance::WindowSnapshot;

enum class Type { counter, gauge };

template <class Record>
struct Family {
  std::string_view name;  // without the unit
  std::string_view unit;  // may be empty
  Type type;
  std::string_view help;
  double (*number)(const Record&);
};

template <class Number>
double as_double(Number number) {
  return static_cast<double>(number);
}

constexpr auto c = Type::counter;
constexpr auto g = Type::gauge;

const Family<PortSnapshot> port_families[] = {
    {"port_sessions", "", c, "Sessions opened by clients.",
     [](const PortSnapshot& p) { return as_double(p.sessions_total); }},
    {"port_sessions_open", "", g, "Sessions open now.",
     [](const PortSnapshot& p) { return as_double(p.sessions_open); }},
    {"port_sessions_not_copied", "", c, "Sessions opened while no replica was attached.",
     [](const PortSnapshot& p) { return as_double(p.sessions_not_copied); }},
    {"port_connect_failures", "", c, "Sessions for which production could not be reached.",
     [](const PortSnapshot& p) { return as_double(p.connect_failures); }},
    {"port_client_to_production", "bytes", c, "Bytes from clients to production.",
     [](const PortSnapshot& p) { return as_double(p.client_to_production); }},
    {"port_production_to_client", "bytes", c, "Bytes from production to clients.",
     [](const PortSnapshot& p) { return as_double(p.production_to_client); }},
};

const Family<ReplicaSnapshot> replica_families[] = {
    {"replica_attached", "", g, "1 while new sessions are copied to the replica.",
     [](const ReplicaSnapshot& r) { return r.attached ? 1.0 : 0.0; }},
    {"replica_sessions", "", c, "Sessions that were copied to the replica.",
     [](const ReplicaSnapshot& r) { return as_double(r.sessions); }},
    {"replica_sessions_open", "", g, "Copied sessions open now.",
     [](const ReplicaSnapshot& r) { return as_double(r.sessions_open); }},
    {"replica_sessions_diverged", "", c, "Sessions in which the replica answered otherwise.",
     [](const ReplicaSnapshot& r) { return as_double(r.sessions_diverged); }},
    {"replica_sessions_lost", "", c, "Sessions of which the replica lost at least one byte.",
     [](const ReplicaSnapshot& r) { return as_double(r.sessions_lost); }},
    {"replica_due", "bytes", c, "Bytes that the replica should have: delivered, pending or lost.",
     [](const ReplicaSnapshot& r) { return as_double(r.due); }},
    {"replica_delivered", "bytes", c, "Bytes handed to the replica.",
     [](const ReplicaSnapshot& r) { return as_double(r.delivered); }},
    {"replica_pending", "bytes", g, "Bytes kept for the replica.",
     [](const ReplicaSnapshot& r) { return as_double(r.pending); }},
    {"replica_lost", "bytes", c, "Bytes that the replica will never have.",
     [](const ReplicaSnapshot& r) { return as_double(r.lost); }},
    {"replica_produced", "bytes", c, "Bytes that production answered in copied sessions.",
     [](const ReplicaSnapshot& r) { return as_double(r.produced); }},
    {"replica_compared", "bytes", c, "Answered bytes that were compared.",
     [](const ReplicaSnapshot& r) { return as_double(r.compared); }},
    {"replica_uncompared", "bytes", c, "Answered bytes that never will be compared.",
     [](const ReplicaSnapshot& r) { return as_double(r.uncompared); }},
    {"replica_awaited", "bytes", g, "Answered bytes that the replica has yet to answer.",
     [](const ReplicaSnapshot& r) { return as_double(r.awaited); }},
    {"replica_answered", "bytes", c, "Bytes that the replica answered.",
     [](const ReplicaSnapshot& r) { return as_double(r.answered); }},
    {"replica_blocks_differing", "", c, "Blocks of the answers that differ.",
     [](const ReplicaSnapshot& r) { return as_double(r.blocks_differing); }},
};

const Family<InstanceSnapshot> instance_families[] = {
    {"uptime", "seconds", g, "Time since the start of the instance.",
     [](const InstanceSnapshot& i) { return i.uptime; }},
    {"accepting", "", g, "1 while new sessions are accepted.",
     [](const InstanceSnapshot& i) { return i.accepting ? 1.0 : 0.0; }},
    {"draining", "", g, "1 while a stop waits for open sessions.",
     [](const InstanceSnapshot& i) { return i.draining ? 1.0 : 0.0; }},
    {"descriptors_open", "", g, "File descriptors in use.",
     [](const InstanceSnapshot& i) { return as_double(i.descriptors_used); }},
    {"descriptors_max", "", g, "File descriptors that may be in use.",
     [](const InstanceSnapshot& i) { return as_double(i.descriptors_limit); }},
    {"buffer_memory_used", "bytes", g, "Memory that holds bytes for replicas.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.memory_used); }},
    {"buffer_memory_resident", "bytes", g, "Memory of the pool that is resident.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.memory_resident); }},
    {"buffer_memory_quota", "bytes", g, "Most memory that may hold bytes for replicas.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.memory_quota); }},
    {"buffer_spill_used", "bytes", g, "Bytes spilled to disk.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.spill_used); }},
    {"buffer_spill_quota", "bytes", g, "Most bytes that may be spilled.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.spill_quota); }},
    {"buffer_chunks_used", "", g, "Chunks taken from the pool.",
     [](const InstanceSnapshot& i) { return as_double(i.buffer.chunks_used); }},
};

const Family<WindowSnapshot> window_families[] = {
    {"window_overflow", "seconds", g, "Expected time until the replica overflows; +Inf: never.",
     [](const WindowSnapshot& w) { return w.unbounded ? INFINITY : w.seconds_to_overflow; }},
    {"window_room", "bytes", g, "What is left of the quotas.",
     [](const WindowSnapshot& w) { return as_double(w.room); }},
    {"window_pending", "bytes", g, "What waits for the replica.",
     [](const WindowSnapshot& w) { return as_double(w.pending); }},
};

std::string number_text(double number) {
  if (std::isinf(number))
    return number > 0 ? "+Inf" : "-Inf";
  if (std::isnan(number))
    return "NaN";
  if (std::fabs(number) < 9e15 && number == std::floor(number))
    return fmt::format("{:.0f}", number);
  return fmt::format("{}", number);
}

class Text {
 public:
  template <class Record>
  void family(const Family<Record>& family, const std::vector<Record>& records,
              const std::function<std::string(const Record&)>& labels) {
    if (records.empty())
      return;
    std::string name = fmt::format("parikshan_{}", family.name);
    if (!family.unit.empty())
      name += fmt::format("_{}", family.unit);
    const bool counter = family.type == Type::counter;
    print("# TYPE {} {}\n", name, counter ? "counter" : "gauge");
    if (!family.unit.empty())
      print("# UNIT {} {}\n", name, family.unit);
    print("# HELP {} {}\n", name, family.help);
    for (const Record& record : records)
      print("{}{}{{{}}} {}\n", name, counter ? "_total" : "", labels(record),
            number_text(family.number(record)));
  }

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void states(Text& text, std::string_view name, std::string_view help,
            const std::vector<std::pair<std::string, instance::SyncState>>& rows) {
  using instance::SyncState;
  if (rows.empty())
    return;
  text.print("# TYPE {} stateset\n# HELP {} {}\n", name, name, help);
  for (const auto& [labels, state] : rows) {
    for (const auto one : {SyncState::in_sync, SyncState::diverged, SyncState::overflowed})
      text.print("{}{{{},{}=\"{}\"}} {}\n", name, labels, name, instance::to_string(one),
                 one == state ? 1 : 0);
  }
}

}  // namespace

std::string escape_label(std::string_view text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    if (c == '\\' || c == '"')
      escaped += '\\', escaped += c;
    else if (c == '\n')
      escaped += "\\n";
    else
      escaped += c;
  }
  return escaped;
}

std::string open_metrics(const InstanceSnapshot& status,
                         const std::vector<WindowSnapshot>& windows) {
  Text text;
  const std::string instance = fmt::format("instance=\"{}\"", escape_label(status.name));
  const auto replica_labels = [&](const ReplicaSnapshot& r) {
    return fmt::format("{},port=\"{}\",replica=\"{}\"", instance, escape_label(r.listen),
                       escape_label(r.address));
  };
  text.print("# TYPE parikshan_build info\n# HELP parikshan_build What runs.\n");
  text.print("parikshan_build_info{{{},version=\"{}\"}} 1\n", instance, PARIKSHAN_VERSION);
  states(text, "parikshan_state", "Whether the replicas are still faithful.",
         {{instance, status.state}});
  for (const auto& family : instance_families)
    text.family<InstanceSnapshot>(family, {status},
                                  [&](const InstanceSnapshot&) { return std::string(instance); });
  for (const auto& family : port_families)
    text.family<PortSnapshot>(family, status.ports, [&](const PortSnapshot& p) {
      return fmt::format("{},port=\"{}\"", instance, escape_label(p.listen));
    });
  std::vector<std::pair<std::string, instance::SyncState>> rows;
  for (const auto& replica : status.replicas)
    rows.emplace_back(replica_labels(replica), replica.state);
  states(text, "parikshan_replica_state", "Whether the replica is still faithful.", rows);
  for (const auto& family : replica_families)
    text.family<ReplicaSnapshot>(family, status.replicas, replica_labels);
  for (const auto& family : window_families)
    text.family<WindowSnapshot>(family, windows, [&](const WindowSnapshot& w) {
      return fmt::format("{},port=\"{}\",replica=\"{}\"", instance, escape_label(w.listen),
                         escape_label(w.replica));
    });
  text.print("# EOF\n");
  return text.take();
}

}  // namespace parikshan::control
