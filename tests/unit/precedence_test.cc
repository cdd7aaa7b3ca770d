#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/source_file.h"
#include "policy/load.h"

namespace parikshan::policy {
namespace {

namespace fs = std::filesystem;

/// Three folders of policies in a temporary folder of its own.
class Precedence : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "parikshan-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    for (const char* name : {"etc", "run", "lib"}) {
      roots_.directories.push_back((top_ / name).string());
      fs::create_directory(top_ / name);
    }
  }
  void TearDown() override { fs::remove_all(top_); }

  std::string write(const std::string& name, const std::string& text) {
    const fs::path path = top_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0644);
    return path.string();
  }
  std::string mask(const std::string& name) {
    const fs::path path = top_ / name;
    fs::create_directories(path.parent_path());
    fs::create_symlink("/dev/null", path);
    return path.string();
  }
  std::string path(const std::string& name) const { return (top_ / name).string(); }
  Loaded load(const std::string& name) const { return load_name(name, roots_); }
  std::string errors(const Loaded& loaded) const {
    std::string text = config::format_diagnostics(loaded.diagnostics);
    for (auto at = text.find(top_.string()); at != std::string::npos; at = text.find(top_.string()))
      text.replace(at, top_.string().size() + 1, "");
    return text;
  }

  static std::string policy(unsigned workers) {
    return "[[duplicate]]\nlisten = '127.0.0.1:1'\nproduction = '127.0.0.1:2'\n[instance]\n"
           "workers = " +
           std::to_string(workers) + "\n";
  }

  fs::path top_;
  config::Roots roots_;
};

using List = std::vector<std::string>;

TEST_F(Precedence, TheSystemsFoldersAreSystemds) {
  EXPECT_EQ(config::Roots::system().directories,
            (List{"/etc/parikshan.d", "/run/parikshan.d", "/usr/lib/parikshan.d"}));
}

TEST_F(Precedence, TheFirstFolderWins) {
  write("lib/p.toml", policy(1));
  EXPECT_EQ(load("p").policy->instance.workers, 1U);
  write("run/p.toml", policy(2));
  EXPECT_EQ(load("p").policy->instance.workers, 2U);
  const std::string file = write("etc/p.toml", policy(3));
  const Loaded loaded = load("p");
  ASSERT_TRUE(loaded.policy) << errors(loaded);
  EXPECT_EQ(loaded.policy->instance.workers, 3U);
  EXPECT_EQ(loaded.policy->name, "p");
  EXPECT_EQ(loaded.sources, List{file});
}

TEST_F(Precedence, DropInsComeInTheOrderOfTheirNames) {
  const std::string base = write("lib/p.toml", policy(1));
  const std::string third = write("lib/p.toml.d/30.toml", "[instance]\nworkers = 30\n");
  const std::string first = write("etc/p.toml.d/10.toml", "[instance]\nworkers = 10\n");
  const std::string second = write("run/p.toml.d/20.toml", "[buffer]\nspill = '0'\n");
  write("run/p.toml.d/40.toml~", "nonsense");
  write("run/p.toml.d/.50.toml", "nonsense");
  write("run/p.toml.d/60.conf", "nonsense");
  const Loaded loaded = load("p");
  ASSERT_TRUE(loaded.policy) << errors(loaded);
  EXPECT_EQ(loaded.sources, (List{base, first, second, third}));
  EXPECT_EQ(loaded.policy->instance.workers, 30U);
  EXPECT_EQ(loaded.policy->buffer.spill, 0U);
}

TEST_F(Precedence, ADropInReplacesItsNamesakeInLaterFolders) {
  write("lib/p.toml", policy(1));
  write("lib/p.toml.d/10.toml", "[instance]\nworkers = 10\n[buffer]\nspill = '0'\n");
  write("etc/p.toml.d/10.toml", "[instance]\nworkers = 11\n");
  const Loaded loaded = load("p");
  ASSERT_TRUE(loaded.policy) << errors(loaded);
  EXPECT_EQ(loaded.policy->instance.workers, 11U);
  EXPECT_NE(loaded.policy->buffer.spill, 0U);
}

TEST_F(Precedence, ALinkToDevNullMasks) {
  write("lib/p.toml", policy(1));
  write("lib/p.toml.d/10.toml", "[instance]\nworkers = 10\n");
  mask("run/p.toml.d/10.toml");
  EXPECT_EQ(load("p").policy->instance.workers, 1U);
  // A mask counts only for later folders.
  write("etc/p.toml.d/10.toml", "[instance]\nworkers = 12\n");
  EXPECT_EQ(load("p").policy->instance.workers, 12U);
  mask("etc/p.toml");
  EXPECT_FALSE(load("p").policy);
  EXPECT_EQ(errors(load("p")),
            "etc/p.toml: error: this policy is masked (a link to /dev/null)\n"
            "  hint: remove the link to use the policy of that name again\n");
}

TEST_F(Precedence, DropInsAddPorts) {
  write("lib/p.toml", policy(1));
  write("etc/p.toml.d/10.toml",
        "[[duplicate]]\nlisten = '127.0.0.1:3'\nproduction = '127.0.0.1:4'\n");
  EXPECT_EQ(load("p").policy->duplicates.size(), 2U);
  write("etc/p.toml.d/20.toml", "duplicate = []\n");
  EXPECT_FALSE(load("p").policy);
  write("etc/p.toml.d/30.toml",
        "[[duplicate]]\nlisten = '127.0.0.1:5'\nproduction = '127.0.0.1:6'\n");
  const Loaded loaded = load("p");
  ASSERT_TRUE(loaded.policy) << errors(loaded);
  ASSERT_EQ(loaded.policy->duplicates.size(), 1U);
  EXPECT_EQ(loaded.policy->duplicates[0].listen.text(), "127.0.0.1:5");
}

TEST_F(Precedence, ReportsTheErrorsOfAllFiles) {
  write("lib/p.toml", "[instance]\nworkers = 'x'\n");
  write("lib/p.toml.d/10.toml", "[instance\n");
  write("lib/p.toml.d/20.toml", "[instance]\nworkers = 2\nworker = 3\n");
  fs::create_directory(top_ / "lib/p.toml.d/30.toml");
  ::chmod(path("lib/p.toml.d/30.toml").c_str(), 0755);
  fs::create_symlink("/nowhere/at/all", top_ / "lib/p.toml.d/40.toml");
  // No word about the missing [[duplicate]]: it could be in what could not be read.
  EXPECT_EQ(errors(load("p")),
            "lib/p.toml:2:11: error: instance.workers must be an integer, not a string\n"
            "  workers = 'x'\n"
            "            ^\n"
            "lib/p.toml.d/10.toml:1:10: error: invalid TOML: expected ']', saw '\\n' (in a table "
            "header)\n"
            "  [instance\n"
            "           ^\n"
            "lib/p.toml.d/20.toml:3:1: error: unknown key 'worker' in [instance]\n"
            "  worker = 3\n"
            "  ^\n"
            "  hint: did you mean 'workers'?\n"
            "lib/p.toml.d/30.toml: error: is a directory, not a file\n"
            "lib/p.toml.d/40.toml: error: cannot be opened: No such file or directory\n");
}

TEST_F(Precedence, ConflictsNameTheOtherFile) {
  const std::string base = write("lib/p.toml", policy(1));
  write("etc/p.toml.d/10.toml",
        "[[duplicate]]\nlisten = '0.0.0.0:1'\nproduction = '127.0.0.1:4'\n");
  EXPECT_EQ(errors(load("p")),
            "etc/p.toml.d/10.toml:2:10: error: listen 0.0.0.0:1 is taken already by 127.0.0.1:1 "
            "(lib/p.toml:2)\n"
            "  listen = '0.0.0.0:1'\n"
            "           ^\n");
}

TEST_F(Precedence, RefusesWhatIsNotThere) {
  EXPECT_EQ(errors(load("absent")), "absent.toml: error: no such policy in etc, run, lib\n");
  write("etc/only.toml.d/10.toml", policy(1));
  EXPECT_FALSE(load("only").policy);
  EXPECT_NE(errors(load("../p")).find("'../p' cannot name an instance"), std::string::npos);
  EXPECT_NE(errors(load("")).find("it is empty"), std::string::npos);
  EXPECT_NE(errors(load_file(path("etc/absent.toml"))).find("No such file"), std::string::npos);
}

TEST_F(Precedence, MissingFoldersAreEmpty) {
  const std::string file = write("lib/p.toml", policy(1));
  fs::remove_all(top_ / "etc");
  fs::remove_all(top_ / "run");
  EXPECT_EQ(load("p").sources, List{file});
  EXPECT_TRUE(load("p").policy);
}

TEST_F(Precedence, RefusesFilesThatAreNone) {
  EXPECT_NE(errors(load_file(path("etc"))).find("is a directory"), std::string::npos);
  const std::string fifo = path("etc/fifo.toml");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(errors(load("fifo")).find("is not a regular file"), std::string::npos);
  write("etc/large.toml", std::string(config::largest_source + 1, '\n'));
  EXPECT_NE(errors(load("large")).find("is larger than 1048576 bytes"), std::string::npos);
  write("etc/largest.toml", std::string(config::largest_source, '\n'));
  EXPECT_NE(errors(load("largest")).find("no [[duplicate]]"), std::string::npos);
}

TEST_F(Precedence, APathHasItsOwnDropIns) {
  const std::string file = write("x/mine.toml", policy(1));
  const std::string drop_in = write("x/mine.toml.d/10.toml", "[instance]\nworkers = 5\n");
  const Loaded loaded = load_file(file);
  ASSERT_TRUE(loaded.policy) << errors(loaded);
  EXPECT_EQ(loaded.policy->name, "mine");
  EXPECT_EQ(loaded.policy->instance.workers, 5U);
  EXPECT_EQ(loaded.sources, (List{file, drop_in}));
}

TEST_F(Precedence, RootRefusesWhatOthersCanWrite) {
  const std::string file = write("etc/p.toml", policy(1));
  ::chmod(file.c_str(), 0666);
  const auto refused = config::read_source(file, config::Trust::root_only);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(config::read_source(file, config::Trust::anybody));
  // Anybody but root may keep a policy however they like.
  EXPECT_EQ(load("p").policy.has_value(), ::geteuid() != 0);
  ::chmod(file.c_str(), 0644);
  EXPECT_TRUE(load("p").policy) << errors(load("p"));
  ::chmod(path("run").c_str(), 0777);
  EXPECT_EQ(load("p").policy.has_value(), ::geteuid() != 0);
}

TEST_F(Precedence, ListsNames) {
  write("lib/b.toml", "");
  write("lib/a.toml", "");
  write("etc/a.toml", "");
  write("run/c d.toml", "");
  write("lib/m.toml", "");
  mask("run/m.toml");
  write("etc/.h.toml", "");
  write("etc/a.toml.d/x.toml", "");
  EXPECT_EQ(list_names(roots_), (List{"a", "b"}));
}

TEST_F(Precedence, CatConfigShowsTheSum) {
  write("lib/p.toml", policy(1));
  write("etc/p.toml.d/10.toml", "[instance]\nworkers = 4\n[buffer]\nspill = '0'\n");
  const Loaded loaded = load("p");
  std::string text = cat_config(loaded);
  for (auto at = text.find(top_.string()); at != std::string::npos; at = text.find(top_.string()))
    text.replace(at, top_.string().size() + 1, "");
  EXPECT_EQ(text,
            "# lib/p.toml\n"
            "# etc/p.toml.d/10.toml\n"
            "\n"
            "[[duplicate]]  # from lib/p.toml:1\n"
            "listen = \"127.0.0.1:1\"  # from lib/p.toml:2\n"
            "production = \"127.0.0.1:2\"  # from lib/p.toml:3\n"
            "\n"
            "[instance]  # from lib/p.toml:4\n"
            "workers = 4  # from etc/p.toml.d/10.toml:2\n"
            "\n"
            "[buffer]  # from etc/p.toml.d/10.toml:3\n"
            "spill = \"0\"  # from etc/p.toml.d/10.toml:4\n");
  const Loaded again = load_text("p.toml", text);
  ASSERT_TRUE(again.policy);
  EXPECT_EQ(again.policy->instance.workers, 4U);
}

}  // namespace
}  // namespace parikshan::policy
