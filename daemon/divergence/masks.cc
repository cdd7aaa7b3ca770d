#include "divergence/masks.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace parikshan::divergence {

Masks::Masks() = default;
Masks::~Masks() = default;
Masks::Masks(Masks&&) noexcept = default;
Masks& Masks::operator=(Masks&&) noexcept = default;

Result<Masks> Masks::compile(const std::vector<std::string>& expressions) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);  // services say bytes, not always UTF-8
  options.set_log_errors(false);
  Masks masks;
  for (const std::string& text : expressions) {
    auto expression = std::make_unique<RE2>(text, options);
    if (!expression->ok())
      return Error{fmt::format("mask '{}': {}", text, expression->error())};
    masks.expressions_.push_back(std::move(expression));
  }
  return masks;
}

std::vector<bool> Masks::masked(std::string_view line) const {
  std::vector<bool> bytes(line.size(), false);
  std::string_view text = line;  // `$` is before the line end, whichever it is
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  const re2::StringPiece whole(text.data(), text.size());
  for (const auto& expression : expressions_) {
    std::size_t from = 0;
    re2::StringPiece match;
    while (from <= text.size() &&
           expression->Match(whole, from, text.size(), RE2::UNANCHORED, &match, 1)) {
      const auto begin = static_cast<std::size_t>(match.data() - text.data());
      for (std::size_t i = 0; i < match.size(); ++i)
        bytes[begin + i] = true;
      from = begin + std::max<std::size_t>(match.size(), 1);
    }
  }
  return bytes;
}

Masks::Verdict Masks::compare(std::string_view a, std::string_view b) const {
  const std::vector<bool> masked_a = masked(a);
  const std::vector<bool> masked_b = masked(b);
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    const bool in_a = i < a.size() && masked_a[i];
    const bool in_b = j < b.size() && masked_b[j];
    if (in_a && in_b) {
      while (i < a.size() && masked_a[i])
        ++i;
      while (j < b.size() && masked_b[j])
        ++j;
      continue;
    }
    if (i == a.size() && j == b.size())
      return {true, i, j};
    if (in_a || in_b || i == a.size() || j == b.size() || a[i] != b[j])
      return {false, i, j};
    ++i;
    ++j;
  }
}

}  // namespace parikshan::divergence
