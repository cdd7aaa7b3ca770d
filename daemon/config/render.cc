#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/utf8.h"
#include "config/value.h"

// The merged text is written from our own tree, not by toml++: each key has to carry the file and
// line it came from, which no serializer keeps.

namespace parikshan::config {
namespace {

bool is_bare(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string key_text(std::string_view key) {
  return is_bare(key) ? std::string(key) : quote(key);
}

std::string number_text(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text;
}

std::string inline_text(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Kind::string:
      return quote(value.text);
    case Kind::date_time:
      return value.text;
    case Kind::integer:
      return fmt::format("{}", value.integer);
    case Kind::number:
      return number_text(value.number);
    case Kind::boolean:
      return value.boolean ? "true" : "false";
    case Kind::array:
      for (const Value& item : value.items)
        out += (out.empty() ? "" : ", ") + inline_text(item);
      return "[" + out + "]";
    case Kind::table:
      for (const Entry& entry : value.entries)
        out += (out.empty() ? "" : ", ") + key_text(entry.key) + " = " + inline_text(entry.value);
      return out.empty() ? "{}" : "{ " + out + " }";
  }
  return out;
}

std::string origin(const Location& location) {
  return "  # from " + location.text() + "\n";
}

void render_table(const Value& table, const std::string& path, std::string& out) {
  const auto is_section = [](const Value& value) {
    return value.kind == Kind::table || value.is_array_of_tables();
  };
  // A plain key after a sub-table would belong to the sub-table: plain keys come first.
  for (const Entry& entry : table.entries)
    if (!is_section(entry.value))
      out += key_text(entry.key) + " = " + inline_text(entry.value) + origin(entry.location);
  for (const Entry& entry : table.entries) {
    if (!is_section(entry.value))
      continue;
    const std::string name = path.empty() ? key_text(entry.key) : path + "." + key_text(entry.key);
    if (entry.value.kind == Kind::table) {
      out += "\n[" + name + "]" + origin(entry.value.location);
      render_table(entry.value, name, out);
      continue;
    }
    for (const Value& item : entry.value.items) {
      out += "\n[[" + name + "]]" + origin(item.location);
      render_table(item, name, out);
    }
  }
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::size_t length = std::max<std::size_t>(utf8_length(text.substr(at)), 1);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    else
      out += text.substr(at, length);
    at += length;
  }
  return out + "\"";
}

std::string render(const Value& root) {
  std::string out;
  render_table(root, "", out);
  return out;
}

}  // namespace parikshan::config
