// Dependencies point one way, and the production path knows nothing of replicas. Nothing but the
// `#include` lines can break that, so nothing else is read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "stream_fixture.h"

namespace parikshan {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

/// What the files of each folder may include, beside those of the folder itself.
const std::map<std::string, Names>& allowed_folders() {
  static const std::map<std::string, Names> allowed = {
      {"base", {}},
      {"config", {"base"}},
      {"stream", {"base"}},
      {"window", {"base"}},
      {"net", {"stream", "base"}},
      {"policy", {"config", "net", "base"}},
      {"divergence", {"stream", "base"}},
      {"duplicator", {"divergence", "stream", "net", "base"}},
      {"instance",
       {"duplicator", "divergence", "policy", "config", "window", "stream", "net", "base"}},
      {"control", {"instance", "policy", "config", "divergence", "net", "base"}},
      {"ctl", {"control", "instance", "policy", "config", "window", "base"}},
  };
  return allowed;
}

/// Of the production path: it must work, and compile, as if there were no replicas.
bool in_production_path(const fs::path& file) {
  const std::string folder = file.parent_path().filename();
  const std::string noun = file.stem();
  return folder == "net" ||
         (folder == "duplicator" && (noun == "session" || noun == "worker" || noun == "port"));
}
bool of_replicas(const fs::path& included) {
  static const Names nouns = {"fed_session", "spill", "retention"};
  const std::string noun = included.stem();
  return included.parent_path() == "divergence" || noun.starts_with("replica") ||
         nouns.contains(noun);
}

/// The name in an `#include "name"` line; empty for any other line.
std::string included_name(const std::string& line) {
  const std::size_t quote = line.find('"');
  const std::size_t end = quote == std::string::npos ? quote : line.find('"', quote + 1);
  if (end == std::string::npos)
    return {};
  std::string directive = line.substr(0, quote);
  std::erase_if(directive, [](unsigned char c) { return std::isspace(c) != 0; });
  return directive == "#include" ? line.substr(quote + 1, end - quote - 1) : std::string();
}

std::vector<std::string> includes(const fs::path& file) {
  std::vector<std::string> names;
  std::ifstream text(file);
  for (std::string line; std::getline(text, line);) {
    if (std::string name = included_name(line); !name.empty())
      names.push_back(std::move(name));
  }
  return names;
}

/// The folders a file of the production path reaches through what it includes, itself included.
void reach(const fs::path& daemon, const fs::path& name, std::set<fs::path>& reached) {
  if (!reached.insert(name).second || !fs::exists(daemon / name))
    return;
  for (const std::string& included : includes(daemon / name))
    reach(daemon, included, reached);
}

/// What is wrong in the tree below `daemon`, one sentence each. `files` counts what was looked at.
std::vector<std::string> violations(const fs::path& daemon, std::size_t& files) {
  std::vector<std::string> wrong;
  for (const auto& entry : fs::recursive_directory_iterator(daemon)) {
    const fs::path file = entry.path();
    if (file.extension() != ".cc" && file.extension() != ".h")
      continue;
    const fs::path relative = file.lexically_relative(daemon);
    if (relative.parent_path().empty())
      continue;  // the two main files may name anything
    ++files;
    const std::string folder = *relative.begin();
    const auto allowed = allowed_folders().find(folder);
    if (allowed == allowed_folders().end()) {
      wrong.push_back(relative.string() + ": the folder has no place in the order");
      continue;
    }
    for (const fs::path included : includes(file)) {
      const std::string target = *included.begin();
      if (target != folder && !allowed->second.contains(target))
        wrong.push_back(relative.string() + " includes " + included.string());
    }
    if (!in_production_path(relative))
      continue;
    std::set<fs::path> reached;
    reach(daemon, relative, reached);
    for (const fs::path& name : reached) {
      if (of_replicas(name))
        wrong.push_back(relative.string() + " reaches " + name.string() +
                        ", which is not for the production path");
    }
  }
  return wrong;
}

TEST(Folders, DependOneWay) {
  std::size_t files = 0;
  for (const std::string& wrong : violations(fs::path(PARIKSHAN_SOURCE_ROOT) / "daemon", files))
    ADD_FAILURE() << wrong;
  EXPECT_GT(files, 50U);  // it did look at the tree
}

TEST(Folders, TheOrderHasNoCircle) {
  // Each folder is placed once all that it may include are.
  Names placed;
  for (std::size_t before = 1; before != placed.size();) {
    before = placed.size();
    for (const auto& [folder, allowed] : allowed_folders()) {
      if (std::includes(placed.begin(), placed.end(), allowed.begin(), allowed.end()))
        placed.insert(folder);
    }
    if (placed.size() == allowed_folders().size())
      break;
  }
  EXPECT_EQ(placed.size(), allowed_folders().size());
}

class PlantedTree : public testing::Test {
 protected:
  void plant(const std::string& name, const std::string& text) {
    const fs::path file = fs::path(folder_.path()) / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::vector<std::string> found() {
    std::size_t files = 0;
    return violations(folder_.path(), files);
  }
  stream::TemporaryFolder folder_;
};

TEST_F(PlantedTree, AGoodOneHasNoViolation) {
  plant("base/error.h", "#include <string>\n");
  plant("stream/retention.h", "#include \"base/error.h\"\n#include \"stream/stream_log.h\"\n");
  plant("duplicator/replica_leg.cc", "#include \"stream/retention.h\"\n");
  plant("main.cc", "#include \"stream/retention.h\"\n");
  EXPECT_TRUE(found().empty());
}

TEST_F(PlantedTree, AnUpwardIncludeIsFound) {
  plant("base/error.cc", "// comment\n  #  include \"stream/stream_log.h\"  // why\n");
  ASSERT_EQ(found().size(), 1U);
  EXPECT_EQ(found()[0], "base/error.cc includes stream/stream_log.h");
}

TEST_F(PlantedTree, AFolderWithoutAPlaceIsFound) {
  plant("helpers/many.h", "\n");
  EXPECT_EQ(found().size(), 1U);
}

TEST_F(PlantedTree, ReplicasInTheProductionPathAreFound) {
  for (const char* file : {"duplicator/session.cc", "duplicator/worker.h", "net/relay.h"}) {
    for (const char* included : {"stream/retention.h", "stream/spill.h", "duplicator/replica.h",
                                 "duplicator/fed_session.h", "divergence/checker.h"}) {
      plant(file, std::string("#include \"") + included + "\"\n");
      EXPECT_FALSE(found().empty()) << file << " with " << included;
    }
    plant(file, "#include \"stream/stream_log.h\"\n");
    EXPECT_TRUE(found().empty()) << file;
  }
}

TEST_F(PlantedTree, ReplicasBehindAnotherHeaderAreFound) {
  plant("duplicator/worker.cc", "#include \"stream/session_streams.h\"\n");
  plant("stream/session_streams.h", "#include \"stream/spill.h\"\n");
  ASSERT_EQ(found().size(), 1U);
  EXPECT_NE(found()[0].find("reaches stream/spill.h"), std::string::npos);
}

}  // namespace
}  // namespace parikshan
