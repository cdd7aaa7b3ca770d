#pragma once

#include <string>
#include <vector>

namespace parikshan::ctl {

/// A table of text for people. Cells are made printable on their way in.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  ///< numbers stand to the right
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell for each column; missing ones are empty.
  void add(const std::vector<std::string>& cells);

  /// Lines with two spaces between columns, no trailing spaces; without rows the titles alone.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace parikshan::ctl
