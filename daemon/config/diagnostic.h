#pragma once

#include <string>
#include <vector>

#include "config/source_file.h"

namespace parikshan::config {

/// A place in a policy file. `line` and `column` count from 1, columns in characters (not bytes);
/// line 0 means the file as a whole. Keeps the file's text alive.
struct Location {
  SourcePointer file;
  unsigned line = 0;
  unsigned column = 0;

  /// "FILE:LINE", or "FILE" for a whole file.
  [[nodiscard]] std::string text() const;
};

/// One error of a policy: what is wrong where, and what would be right.
struct Diagnostic {
  Location location;
  std::string message;
  std::string hint;  ///< may be empty

  /// "FILE:LINE:COLUMN: error: MESSAGE", the source line, a caret under the column and the hint,
  /// each on a line of its own that ends with a newline. Control characters and bytes that are no
  /// UTF-8 are made visible; lines too long for a terminal are cut around the caret.
  [[nodiscard]] std::string text() const;
};

using Diagnostics = std::vector<Diagnostic>;

/// A location for a file whose text is not there to point into.
Location whole_file(std::string path);

/// Sorts by file, line and column and drops what is said twice.
void sort_diagnostics(Diagnostics& diagnostics);

/// All of them, one after the other.
std::string format_diagnostics(const Diagnostics& diagnostics);

}  // namespace parikshan::config
