// One table of keys feeds the parser; what people read about keys (the man page, the examples) is
// written by hand and compared with it here.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "config/keys.h"
#include "config/source_file.h"
#include "policy/load.h"

namespace parikshan::policy {
namespace {

namespace fs = std::filesystem;

const fs::path root = PARIKSHAN_SOURCE_ROOT;

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  return lines;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

/// What the man page has to say at the end of each key's entry.
std::map<std::string, std::string> expected_entries() {
  std::map<std::string, std::string> entries;
  for (const config::Key& key : config::keys()) {
    if (!key.supported)
      continue;
    entries[key.path()] = key.required               ? "Required"
                          : key.default_text.empty() ? "Unset by default"
                                                     : "Default: " + std::string(key.default_text);
  }
  return entries;
}

TEST(PolicyReference, TheManPageHasEveryKeyAndNoOther) {
  std::map<std::string, std::string> entries;
  std::string section;
  std::string key;
  std::string before;
  for (const std::string& line : lines_of(root / "packaging/man/parikshan.toml.5")) {
    std::smatch match;
    if (line.starts_with(".SH")) {
      section.clear();
    } else if (std::regex_match(line, match, std::regex(R"(\.SS \[+(\w+)\]+)"))) {
      section = match[1];
    } else if (!section.empty() && before == ".TP" &&
               std::regex_match(line, match, std::regex(R"(\.B (\w+))"))) {
      key = section + "." + match[1].str();
      EXPECT_TRUE(entries.emplace(key, "").second) << key << " has two entries";
    } else if (!section.empty() && before == ".br") {
      entries[key] = line;
    }
    before = line;
  }
  EXPECT_EQ(entries, expected_entries());
}

TEST(PolicyReference, TheManPageNamesEveryChoiceAndTheFormOfErrors) {
  std::string page;
  for (const std::string& line : lines_of(root / "packaging/man/parikshan.toml.5"))
    page += line + "\n";
  for (const config::Key& key : config::keys()) {
    std::string_view rest = key.choices;
    while (!rest.empty()) {
      const std::string word(rest.substr(0, rest.find(' ')));
      EXPECT_NE(page.find("\"" + word + "\""), std::string::npos) << key.path() << " " << word;
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
  }
  // The example of an error is what an error looks like.
  const Loaded loaded =
      load_text("/etc/parikshan.d/redis.toml",
                "[[duplicate]]\nlisten = '127.0.0.1:1'\nproduction = '127.0.0.1:2'\n\n\n\n\n"
                "[buffer]\nsesion = \"8MiB\"\n");
  EXPECT_NE(page.find(config::format_diagnostics(loaded.diagnostics)), std::string::npos)
      << config::format_diagnostics(loaded.diagnostics);
}

TEST(PolicyReference, TheManPagesExampleLoads) {
  std::string example;
  bool inside = false;
  for (const std::string& line : lines_of(root / "packaging/man/parikshan.toml.5")) {
    if (line == ".SH EXAMPLE")
      inside = true;
    if (line == ".SH SEE ALSO")
      inside = false;
    if (inside && !line.starts_with('.'))
      example += line + "\n";
  }
  const Loaded loaded = load_text("redis.toml", example);
  ASSERT_TRUE(loaded.policy) << config::format_diagnostics(loaded.diagnostics);
  EXPECT_EQ(loaded.policy->duplicates.size(), 1U);
}

std::vector<fs::path> example_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root / "etc"))
    if (entry.is_regular_file())
      files.push_back(entry.path());
  return files;
}

/// Copies of the examples that are nobody else's to write, as root's loader wants them.
class Examples : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "parikshan-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    for (const fs::path& file : example_files()) {
      const fs::path copy = top_ / fs::relative(file, root / "etc");
      fs::create_directories(copy.parent_path());
      std::ofstream(copy) << std::ifstream(file).rdbuf();
      fs::permissions(copy, fs::perms(0644));
      fs::permissions(copy.parent_path(), fs::perms(0755));
    }
  }
  void TearDown() override { fs::remove_all(top_); }

  fs::path top_;
};

TEST_F(Examples, AllLoad) {
  const config::Roots roots{{top_.string()}};
  const std::vector<std::string> names = list_names(roots);
  EXPECT_EQ(names, (std::vector<std::string>{"mysql", "redis", "unix-socket"}));
  for (const std::string& name : names) {
    const Loaded loaded = load_name(name, roots);
    EXPECT_TRUE(loaded.policy) << config::format_diagnostics(loaded.diagnostics);
  }
  // The drop-in counts, and is laid on what it says it changes.
  const Loaded mysql = load_name("mysql", roots);
  EXPECT_EQ(mysql.sources.size(), 2U);
  EXPECT_EQ(mysql.policy->buffer.spill, 0U);
  EXPECT_EQ(mysql.policy->buffer.memory, 512U << 20);
}

TEST(PolicyReference, TheExamplesNameEveryKeyAndShowTrueDefaults) {
  std::set<std::string> named;
  std::set<std::string> expected;
  for (const config::Key& key : config::keys())
    if (key.supported)
      expected.insert(key.path());
  for (const fs::path& file : example_files()) {
    std::string section;
    for (const std::string& line : lines_of(file)) {
      std::smatch match;
      if (std::regex_match(line, match, std::regex(R"(\[+(\w+)\]+)")))
        section = match[1];
      if (!std::regex_match(line, match, std::regex(R"((#?)(\w+) *= ([^#]*)(#.*)?)")))
        continue;
      const config::Key* key = config::find_key(section, match[2].str());
      ASSERT_NE(key, nullptr) << file << ": " << line;
      named.insert(key->path());
      if (match[1] == "#") {
        EXPECT_EQ(trimmed(match[3]), key->default_text) << file << ": " << line;
      }
    }
  }
  EXPECT_EQ(named, expected);
}

TEST(PolicyReference, TheTableIsSound) {
  std::set<std::string> paths;
  for (const config::Key& key : config::keys()) {
    EXPECT_TRUE(paths.insert(key.path()).second) << key.path();
    ASSERT_NE(config::find_section(key.section), nullptr) << key.path();
    if (!key.supported)
      continue;
    EXPECT_FALSE(key.description.empty()) << key.path();
    if (key.default_text.empty())
      continue;
    EXPECT_FALSE(key.required) << key.path();
    // The default passes the checks of the key it belongs to.
    const bool listed = config::find_section(key.section)->shape == config::Shape::array_of_tables;
    const std::string port = "[[duplicate]]\nlisten = '127.0.0.1:1'\nproduction = '127.0.0.1:2'\n";
    const Loaded loaded = load_text(
        "p.toml", port + (listed ? "" : "[" + std::string(key.section) + "]\n") +
                      std::string(key.name) + " = " + std::string(key.default_text) + "\n");
    EXPECT_TRUE(loaded.policy) << config::format_diagnostics(loaded.diagnostics);
  }
}

}  // namespace
}  // namespace parikshan::policy
