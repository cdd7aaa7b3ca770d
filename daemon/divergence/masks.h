#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace parikshan::divergence {

/// Regular expressions (RE2's, which never backtrack: they run on whatever a service says) that
/// take out of a line what is expected to differ. Immutable once made; any thread.
class Masks {
 public:
  Masks();
  ~Masks();
  Masks(Masks&&) noexcept;
  Masks& operator=(Masks&&) noexcept;

  /// Errors: an expression RE2 does not take, with its reason.
  static Result<Masks> compile(const std::vector<std::string>& expressions);
  [[nodiscard]] bool empty() const { return expressions_.empty(); }

  struct Verdict {
    bool equal = false;
    std::size_t at_a = 0;  ///< first byte of `a` that differs and is not masked
    std::size_t at_b = 0;
  };
  /// Compares two lines, each with or without its line end, outside of what is masked in them. A
  /// masked part equals any masked part of the other line, whatever its length.
  [[nodiscard]] Verdict compare(std::string_view a, std::string_view b) const;

 private:
  [[nodiscard]] std::vector<bool> masked(std::string_view line) const;

  std::vector<std::unique_ptr<re2::RE2>> expressions_;
};

}  // namespace parikshan::divergence
