// The ledger promises that its numbers add up, so it prints bytes to the last one: rounded sizes
// would add up only nearly, and a reader could not tell rounding from loss.
#include <fmt/format.h>

#include <array>

#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/render.h"
#include "ctl/running.h"
#include "ctl/table.h"

namespace parikshan::ctl {
namespace {

using instance::LedgerEntry;
using instance::ReplicaSnapshot;

/// due = delivered + pending + lost, produced = compared + awaited + uncompared.
struct Sums {
  std::array<std::uint64_t, 8> bytes{};

  template <class Record>
  explicit Sums(const Record& r)
      : bytes{r.due,      r.delivered, r.pending, r.lost,
              r.produced, r.compared,  r.awaited, r.uncompared} {}
  Sums() = default;

  void add(const Sums& other) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] += other.bytes[i];
  }
  [[nodiscard]] bool covers(const Sums& part) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] < part.bytes[i])
        return false;
    }
    return true;
  }
  void remove(const Sums& part) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] -= part.bytes[i];
  }
};

std::string finding(const LedgerEntry& entry) {
  std::string text;
  if (entry.has_first_lost)
    text = fmt::format("lost from byte {}: {}", entry.first_lost, entry.lost_why);
  if (entry.has_first_divergent)
    text += fmt::format("{}differs from byte {}: {}", text.empty() ? "" : "; ",
                        entry.first_divergent, entry.divergent_why);
  // Without a mismatch, what was compared is what is known to be the same.
  if (!entry.has_first_divergent)
    text +=
        (text.empty() ? "" : "; ") + (entry.compared == 0 && entry.produced > 0
                                          ? std::string("nothing compared yet")
                                          : fmt::format("identical up to byte {}", entry.compared));
  return text;
}

void add_row(Table& table, std::vector<std::string> cells, const Sums& sums,
             const std::string& note) {
  static constexpr std::array<const char*, 8> signs{"", "=", "+", "+", "", "=", "+", "+"};
  for (std::size_t i = 0; i < sums.bytes.size(); ++i) {
    if (*signs[i] != '\0')
      cells.emplace_back(signs[i]);
    cells.push_back(std::to_string(sums.bytes[i]));
  }
  cells.push_back(note);
  table.add(cells);
}

}  // namespace

std::string render_ledger(const Ledger& ledger) {
  Table table({{"SESSION", true},
               {"CLIENT"},
               {"PORT"},
               {"REPLICA"},
               {"OPEN"},
               {"DUE", true},
               {"="},
               {"DELIVERED", true},
               {"+"},
               {"PENDING", true},
               {"+"},
               {"LOST", true},
               {"ANSWERED", true},
               {"="},
               {"COMPARED", true},
               {"+"},
               {"AWAITED", true},
               {"+"},
               {"UNCOMPARED", true},
               {"FINDING"}});
  Sums shown;
  for (const LedgerEntry& entry : ledger.entries) {
    const Sums sums(entry);
    shown.add(sums);
    add_row(table,
            {std::to_string(entry.session), entry.client, entry.listen, entry.replica,
             entry.open ? "yes" : "no"},
            sums, finding(entry));
  }
  Sums all;
  for (const ReplicaSnapshot& replica : ledger.replicas)
    all.add(Sums(replica));

  add_row(table, {"", "these sessions", "", "", ""}, shown, "");
  std::string note;
  if (all.covers(shown)) {
    Sums rest = all;
    rest.remove(shown);
    add_row(table, {"", "other sessions", "", "", ""}, rest, "");
  } else {
    note = "Bytes moved while the ledger was read: the totals are a moment younger.\n";
  }
  add_row(table, {"", "all sessions", "", "", ""}, all, "");
  std::string text = table.text() + note;
  if (!ledger.complete)
    text += "More sessions are kept than fit one reply: --limit shows the first of them.\n";
  return text;
}

Answer run_ledger(const CommandLine& line) {
  boost::json::object parameters;
  if (line.limit) {
    if (*line.limit > INT64_MAX)
      return usage("--limit is too large");
    parameters.emplace("limit", *line.limit);
  }
  auto reply = ask(line, name_of(line), "Ledger", parameters);
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  Ledger ledger;
  auto entries = control::list_from_json<LedgerEntry>(*reply, "entries");
  if (!entries)
    return failure(entries.error());
  auto replicas = control::list_from_json<ReplicaSnapshot>(*reply, "replicas");
  if (!replicas)
    return failure(replicas.error());
  const auto* complete = reply->if_contains("complete");
  ledger.entries = std::move(*entries);
  ledger.replicas = std::move(*replicas);
  ledger.complete = complete == nullptr || !complete->is_bool() || complete->get_bool();
  return {exit_ok, render_ledger(ledger), {}};
}

}  // namespace parikshan::ctl
