#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace parikshan::config {
namespace {

constexpr std::array section_table{
    Section{.name = "instance", .description = "The process as a whole."},
    Section{.name = "duplicate",
            .shape = Shape::array_of_tables,
            .description = "One port that is proxied and copied."},
    Section{.name = "replica",
            .description = "What becomes of a replica that is no copy any more."},
    Section{.name = "buffer", .description = "What may be kept for replicas that lag behind."},
    Section{.name = "divergence", .description = "How the outputs are compared."},
    Section{.name = "production", .supported = false},
    Section{.name = "aggregate", .shape = Shape::array_of_tables, .supported = false},
    Section{.name = "clone", .supported = false},
    Section{.name = "plugin", .shape = Shape::array_of_tables, .supported = false},
};

constexpr std::array key_table{
    Key{.section = "instance",
        .name = "workers",
        .type = Type::integer,
        .default_text = "1",
        .description = "Threads that serve production's sessions.",
        .minimum = 1,
        .maximum = 64},
    Key{.section = "instance",
        .name = "drain_timeout",
        .type = Type::duration,
        .default_text = "\"500ms\"",
        .description = "How long open sessions may go on after a stop was asked for."},

    Key{.section = "duplicate",
        .name = "listen",
        .type = Type::address,
        .description = "The address that clients dial.",
        .required = true},
    Key{.section = "duplicate",
        .name = "production",
        .type = Type::address,
        .description = "The address where production answers.",
        .required = true},
    Key{.section = "duplicate",
        .name = "intercept",
        .type = Type::choice,
        .default_text = "\"listen\"",
        .description = "How clients' connections are come by.",
        .choices = "listen",
        .later_choices = "redirect"},
    Key{.section = "duplicate",
        .name = "mode",
        .type = Type::choice,
        .default_text = "\"asynchronous\"",
        .description = "How production and the replicas are coupled.",
        .choices = "asynchronous synchronous passthrough"},
    Key{.section = "duplicate",
        .name = "replicas",
        .type = Type::address_list,
        .default_text = "[]",
        .description = "The addresses of servers that get a copy of the clients' bytes."},
    Key{.section = "duplicate", .name = "transparent", .supported = false},

    Key{.section = "replica",
        .name = "on_overflow",
        .type = Type::choice,
        .default_text = "\"detach\"",
        .description = "What happens when a replica falls out of the quotas.",
        .choices = "detach continue",
        .later_choices = "reclone"},
    Key{.section = "replica",
        .name = "on_divergence",
        .type = Type::choice,
        .default_text = "\"report\"",
        .description = "What happens when a replica answers differently than production.",
        .choices = "report detach",
        .later_choices = "reclone"},
    Key{.section = "replica", .name = "memory_max", .supported = false},
    Key{.section = "replica", .name = "cpu_quota", .supported = false},

    Key{.section = "buffer",
        .name = "session",
        .type = Type::size,
        .default_text = "\"8MiB\"",
        .description = "Memory, in bytes, of one session and direction.",
        .minimum = 4096},
    Key{.section = "buffer",
        .name = "memory",
        .type = Type::size,
        .default_text = "\"256MiB\"",
        .description = "Memory, in bytes, of the whole instance.",
        .minimum = 1 << 20},
    Key{.section = "buffer",
        .name = "spill",
        .type = Type::size,
        .default_text = "\"4GiB\"",
        .description = "Disk space, in bytes, of the whole instance; \"0\" for none."},
    Key{.section = "buffer",
        .name = "directory",
        .type = Type::path,
        .default_text = "",
        .description = "Folder of the spill file; by default the instance's state directory."},
    Key{.section = "buffer",
        .name = "prefault",
        .type = Type::choice,
        .default_text = "\"grow\"",
        .description = "How much of buffer.memory is made resident before it is needed.",
        .choices = "grow full"},

    Key{.section = "divergence",
        .name = "tolerate",
        .type = Type::share,
        .default_text = "0",
        .description = "Share of the sessions, from 0 to 1, that may differ.",
        .minimum = 0,
        .maximum = 1},
    Key{.section = "divergence",
        .name = "mask",
        .type = Type::regex_list,
        .default_text = "[]",
        .description = "Regular expressions of text that is expected to differ."},
};

constexpr std::size_t longest_guess = 40;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return words;
}

/// Levenshtein's distance: letters to insert, delete or replace.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// Keeps the nearest of the names it is shown, if that is near at all.
class Nearest {
 public:
  explicit Nearest(std::string_view wanted)
      : wanted_(wanted), best_(wanted.size() > longest_guess ? 0 : 1 + wanted.size() / 3 + 1) {}

  void offer(std::string_view name) {
    if (best_ == 0)
      return;
    const std::size_t found = distance(wanted_, name);
    if (found >= best_)
      return;
    best_ = found;
    name_ = name;
  }
  [[nodiscard]] std::string_view name() const { return name_; }

 private:
  std::string_view wanted_;
  std::size_t best_;  // only what is nearer than this counts
  std::string_view name_;
};

}  // namespace

std::string Section::heading() const {
  return shape == Shape::table ? fmt::format("[{}]", name) : fmt::format("[[{}]]", name);
}

std::string Key::path() const {
  return fmt::format("{}.{}", section, name);
}

std::string_view Key::default_value() const {
  std::string_view text = default_text;
  if (text.size() >= 2 && text.front() == '"')
    text = text.substr(1, text.size() - 2);
  return text;
}

std::span<const Section> sections() {
  return section_table;
}
std::span<const Key> keys() {
  return key_table;
}

const Section* find_section(std::string_view name) {
  for (const Section& section : section_table)
    if (section.name == name)
      return &section;
  return nullptr;
}

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : key_table)
    if (key.section == section && key.name == name)
      return &key;
  return nullptr;
}

bool is_choice(std::string_view choices, std::string_view word) {
  const auto words = words_of(choices);
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string describe_choices(std::string_view choices) {
  const auto words = words_of(choices);
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0)
      out += i + 1 == words.size() ? " or " : ", ";
    out += fmt::format("\"{}\"", words[i]);
  }
  return out;
}

std::string suggest_key(std::string_view section, std::string_view name) {
  for (const Key& key : key_table)
    if (key.supported && key.name == name)
      return fmt::format("'{}' belongs in {}", name, find_section(key.section)->heading());
  Nearest nearest(name);
  for (const Key& key : key_table)
    if (key.supported && key.section == section)
      nearest.offer(key.name);
  return nearest.name().empty() ? "" : fmt::format("did you mean '{}'?", nearest.name());
}

std::string suggest_section(std::string_view name) {
  Nearest nearest(name);
  for (const Section& section : section_table)
    if (section.supported)
      nearest.offer(section.name);
  return nearest.name().empty()
             ? ""
             : fmt::format("did you mean {}?", find_section(nearest.name())->heading());
}

}  // namespace parikshan::config
