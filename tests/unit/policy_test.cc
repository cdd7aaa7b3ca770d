#include <gtest/gtest.h>

#include "policy/load.h"

namespace parikshan::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view port =
    "[[duplicate]]\nlisten = '127.0.0.1:1'\nproduction = '127.0.0.1:2'\n";

/// The policy in `text` after a valid [[duplicate]] of three lines.
Loaded load(std::string_view text) {
  return load_text("p.toml", std::string(port) + std::string(text));
}

/// "LINE:COLUMN: MESSAGE" of each error.
std::vector<std::string> errors(const Loaded& loaded) {
  std::vector<std::string> out;
  for (const auto& d : loaded.diagnostics)
    out.push_back(std::to_string(d.location.line) + ":" + std::to_string(d.location.column) + ": " +
                  d.message);
  return out;
}

using List = std::vector<std::string>;

TEST(Policy, HasDefaults) {
  const Loaded loaded = load("");
  ASSERT_TRUE(loaded.policy) << config::format_diagnostics(loaded.diagnostics);
  const Policy& policy = *loaded.policy;
  EXPECT_EQ(policy.name, "p");
  EXPECT_EQ(policy.instance.workers, 1U);
  EXPECT_EQ(policy.instance.drain_timeout, 500ms);
  ASSERT_EQ(policy.duplicates.size(), 1U);
  EXPECT_EQ(policy.duplicates[0].listen.text(), "127.0.0.1:1");
  EXPECT_EQ(policy.duplicates[0].production.text(), "127.0.0.1:2");
  EXPECT_EQ(policy.duplicates[0].mode, Mode::asynchronous);
  EXPECT_TRUE(policy.duplicates[0].replicas.empty());
  EXPECT_EQ(policy.replica.on_overflow, OnOverflow::detach);
  EXPECT_EQ(policy.replica.on_divergence, OnDivergence::report);
  EXPECT_EQ(policy.buffer.session, 8U << 20);
  EXPECT_EQ(policy.buffer.memory, 256U << 20);
  EXPECT_EQ(policy.buffer.spill, 4ULL << 30);
  EXPECT_EQ(policy.buffer.spill_directory, "");
  EXPECT_EQ(policy.buffer.prefault, Prefault::grow);
  EXPECT_EQ(policy.divergence.tolerate, 0);
  EXPECT_TRUE(policy.divergence.mask.empty());
  EXPECT_EQ(loaded.sources, List{"p.toml"});
}

TEST(Policy, TakesEveryKey) {
  const Loaded loaded = load_text("dir/full.toml", R"(
[instance]
workers = 64
drain_timeout = "1min 30s"
[[duplicate]]
listen = "[::1]:10"
production = "unix:/run/p.sock"
replicas = ["127.0.0.1:11", "127.0.0.1:12"]
mode = "synchronous"
intercept = "listen"
[[duplicate]]
listen = "127.0.0.1:20"
production = "127.0.0.1:21"
mode = "passthrough"
replicas = []
[replica]
on_overflow = "continue"
on_divergence = "detach"
[buffer]
session = "4KiB"
memory = "1MiB"
spill = "0"
directory = "/var/tmp"
prefault = "full"
[divergence]
tolerate = 1
mask = ['^Date: .*$', 'x']
)");
  ASSERT_TRUE(loaded.policy) << config::format_diagnostics(loaded.diagnostics);
  const Policy& policy = *loaded.policy;
  EXPECT_EQ(policy.name, "full");
  EXPECT_EQ(policy.instance.workers, 64U);
  EXPECT_EQ(policy.instance.drain_timeout, 90s);
  ASSERT_EQ(policy.duplicates.size(), 2U);
  EXPECT_EQ(policy.duplicates[0].production.text(), "unix:/run/p.sock");
  ASSERT_EQ(policy.duplicates[0].replicas.size(), 2U);
  EXPECT_EQ(policy.duplicates[0].replicas[1].text(), "127.0.0.1:12");
  EXPECT_EQ(policy.duplicates[0].mode, Mode::synchronous);
  EXPECT_EQ(policy.duplicates[1].mode, Mode::passthrough);
  EXPECT_EQ(policy.replica.on_overflow, OnOverflow::continue_);
  EXPECT_EQ(policy.replica.on_divergence, OnDivergence::detach);
  EXPECT_EQ(policy.buffer.session, 4096U);
  EXPECT_EQ(policy.buffer.memory, 1U << 20);
  EXPECT_EQ(policy.buffer.spill, 0U);
  EXPECT_EQ(policy.buffer.spill_directory, "/var/tmp");
  EXPECT_EQ(policy.buffer.prefault, Prefault::full);
  EXPECT_EQ(policy.divergence.tolerate, 1);
  EXPECT_EQ(policy.divergence.mask, (List{"^Date: .*$", "x"}));
}

TEST(Policy, SaysWhereAndHowInFull) {
  const Loaded loaded = load_text("/etc/parikshan.d/redis.toml",
                                  std::string(port) + "[buffer]\n  sesion = \"8MiB\"\n");
  EXPECT_FALSE(loaded.policy);
  EXPECT_EQ(config::format_diagnostics(loaded.diagnostics),
            "/etc/parikshan.d/redis.toml:5:3: error: unknown key 'sesion' in [buffer]\n"
            "    sesion = \"8MiB\"\n"
            "    ^\n"
            "  hint: did you mean 'session'?\n");
}

TEST(Policy, ReportsAllErrorsAtOnceInOrder) {
  const Loaded loaded = load_text("p.toml", R"(stray = 1
[instance]
workers = 0
drain_timeout = "5"
[[duplicate]]
listen = "localhost:1"
mode = "fast"
[bufer]
[buffer]
session = 8
spill = "1XB"
[divergence]
mask = ['(', 7, 'ok']
)");
  EXPECT_FALSE(loaded.policy);
  EXPECT_EQ(errors(loaded),
            (List{
                "1:1: unknown key 'stray' outside of any table",
                "3:11: instance.workers must be from 1 to 64",
                std::string("4:17: instance.drain_timeout: '5' is no duration: a number lacks ") +
                    "its unit: us, ms, s, min, h or d",
                "5:1: [[duplicate]] lacks 'production'",
                std::string("6:10: duplicate.listen: 'localhost:1' is no address: not a ") +
                    "numeric address (names are not resolved)",
                std::string("7:8: duplicate.mode: must be \"asynchronous\", \"synchronous\" ") +
                    "or \"passthrough\", not \"fast\"",
                "8:2: unknown table 'bufer'",
                "10:11: buffer.session must be a string, not an integer",
                std::string("11:9: buffer.spill: '1XB' is no size: unknown unit 'XB'; use B, ") +
                    "KiB, MiB, GiB, TiB, KB, MB, GB or TB",
                "13:9: divergence.mask: bad regular expression: missing ): (",
                "13:14: divergence.mask must be an array of strings, not an integer",
            }));
}

TEST(Policy, ChecksTypesAndRanges) {
  const std::pair<const char*, const char*> cases[] = {
      {"[instance]\nworkers = 65", "5:11: instance.workers must be from 1 to 64"},
      {"[instance]\nworkers = -9223372036854775808", "5:11: instance.workers must be from 1 to 64"},
      {"[instance]\nworkers = '2'", "5:11: instance.workers must be an integer, not a string"},
      {"[instance]\nworkers = 1.0", "5:11: instance.workers must be an integer, not a number"},
      {"[instance]\ndrain_timeout = 5",
       "5:17: instance.drain_timeout must be a string, not an integer"},
      {"[instance]\ndrain_timeout = 07:32:00",
       "5:17: instance.drain_timeout must be a string, not a date or time"},
      {"[divergence]\ntolerate = 1.5", "5:12: divergence.tolerate must be from 0 to 1"},
      {"[divergence]\ntolerate = nan", "5:12: divergence.tolerate must be from 0 to 1"},
      {"[divergence]\ntolerate = -1", "5:12: divergence.tolerate must be from 0 to 1"},
      {"[divergence]\ntolerate = true",
       "5:12: divergence.tolerate must be a number, not a boolean"},
      {"[divergence]\nmask = 'x'",
       "5:8: divergence.mask must be an array of strings, not a string"},
      {"[buffer]\nsession = '4095'", "5:11: buffer.session: must be at least 4KiB"},
      {"[buffer]\nmemory = '1MB'", "5:10: buffer.memory: must be at least 1MiB"},
      {"[buffer]\ndirectory = 'var'", "5:13: buffer.directory: must be an absolute path"},
      {"[buffer]\ndirectory = ''", "5:13: buffer.directory: must be an absolute path"},
      {"[buffer]\ndirectory = \"/a\\u0000b\"", "5:13: buffer.directory: must be an absolute path"},
      {"[buffer]\nprefault = 'all'",
       "5:12: buffer.prefault: must be \"grow\" or \"full\", not \"all\""},
      {"[replica]\non_overflow = true",
       "5:15: replica.on_overflow must be a string, not a boolean"},
      {"[[buffer]]", "4:3: 'buffer' must be a table, not an array"},
      {"[buffer]\nsession = {}", "5:11: buffer.session must be a string, not a table"},
  };
  for (const auto& [text, error] : cases)
    EXPECT_EQ(errors(load(text)), List{error}) << text;
  EXPECT_EQ(errors(load_text("p.toml", "[duplicate]\n")),
            List{"1:2: 'duplicate' must be an array of tables, not a table"});
}

TEST(Policy, NamesWhatThisVersionDoesNotDo) {
  const std::pair<const char*, const char*> cases[] = {
      {"[production]\nunit = 'x'", "4:2: [production] is not supported by this version"},
      {"[[aggregate]]", "4:3: [[aggregate]] is not supported by this version"},
      {"[clone]\ncount = 1", "4:2: [clone] is not supported by this version"},
      {"[[plugin]]\nname = 'x'\n[plugin.config]",
       "4:3: [[plugin]] is not supported by this version"},
      {"[replica]\nmemory_max = '1GiB'",
       "5:1: replica.memory_max is not supported by this version"},
      {"[replica]\ncpu_quota = '1%'", "5:1: replica.cpu_quota is not supported by this version"},
      {"[replica]\non_overflow = 'reclone'",
       "5:15: replica.on_overflow = \"reclone\" is not supported by this version"},
      {"[replica]\non_divergence = 'reclone'",
       "5:17: replica.on_divergence = \"reclone\" is not supported by this version"},
      {"intercept = 'redirect'",
       "4:13: duplicate.intercept = \"redirect\" is not supported by this version"},
      {"transparent = true", "4:1: duplicate.transparent is not supported by this version"},
  };
  for (const auto& [text, error] : cases)
    EXPECT_EQ(errors(load(text)), List{error}) << text;
}

TEST(Policy, NeedsAPort) {
  EXPECT_EQ(errors(load_text("p.toml", "")),
            List{"1:1: no [[duplicate]]: a policy needs at least one port"});
  EXPECT_EQ(errors(load_text("p.toml", "\nduplicate = []\n")),
            List{"2:1: no [[duplicate]]: a policy needs at least one port"});
  EXPECT_EQ(errors(load_text("p.toml", "[[duplicate]]\n")),
            (List{"1:1: [[duplicate]] lacks 'listen'", "1:1: [[duplicate]] lacks 'production'"}));
}

TEST(Policy, RefusesTheSamePortTwice) {
  const std::pair<std::pair<const char*, const char*>, bool> cases[] = {
      {{"127.0.0.1:6379", "127.0.0.1:6379"}, true},
      {{"127.0.0.1:6379", "127.0.0.1:6380"}, false},
      {{"127.0.0.1:6379", "127.0.0.2:6379"}, false},
      {{"0.0.0.0:6379", "127.0.0.1:6379"}, true},
      {{"127.0.0.1:6379", "0.0.0.0:6379"}, true},
      {{"[::]:6379", "[::1]:6379"}, true},
      {{"[::]:6379", "127.0.0.1:6379"}, false},
      {{"0.0.0.0:6379", "[::]:6379"}, false},
      {{"0.0.0.0:6379", "[::1]:6379"}, false},
      {{"[::ffff:127.0.0.1]:6379", "127.0.0.1:6379"}, true},
      {{"unix:/run/a", "unix:/run/a"}, true},
      {{"unix:/run/a", "unix:/run/x/..//a"}, true},
      {{"unix:/run/a", "unix:/run/b"}, false},
      {{"unix:/run/a", "[::]:6379"}, false},
  };
  for (const auto& [listen, taken] : cases) {
    const Loaded loaded = load_text(
        "p.toml", std::string("[[duplicate]]\nproduction = '127.0.0.1:2'\nlisten = '") +
                      listen.first + "'\n[[duplicate]]\nproduction = '127.0.0.1:3'\nlisten = '" +
                      listen.second + "'\n");
    EXPECT_EQ(loaded.policy.has_value(), !taken) << listen.first << " " << listen.second;
    if (!taken)
      continue;
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].location.line, 6U);
    EXPECT_EQ(loaded.diagnostics[0].location.column, 10U);
    EXPECT_NE(loaded.diagnostics[0].message.find("is taken already by"), std::string::npos);
    EXPECT_NE(loaded.diagnostics[0].message.find("(p.toml:3)"), std::string::npos);
  }
}

std::string one_port(const std::string& listen, const std::string& production,
                     const std::string& replicas) {
  return "[[duplicate]]\nlisten = '" + listen + "'\nproduction = '" + production +
         "'\nreplicas = [" + replicas + "]\n";
}

TEST(Policy, RefusesLoops) {
  EXPECT_EQ(errors(load_text("p.toml", one_port("127.0.0.1:1", "127.0.0.1:1", ""))),
            List{"3:14: production 127.0.0.1:1 is the listen address 127.0.0.1:1 itself: a loop"});
  EXPECT_EQ(errors(load_text("p.toml", one_port("127.0.0.1:1", "127.0.0.1:2", "'127.0.0.1:1'"))),
            List{"4:13: replica 127.0.0.1:1 is the listen address 127.0.0.1:1 itself: a loop"});
  const std::pair<std::pair<const char*, const char*>, bool> cases[] = {
      {{"0.0.0.0:1", "127.0.0.1:1"}, true},    {{"0.0.0.0:1", "127.9.9.9:1"}, true},
      {{"[::]:1", "127.0.0.1:1"}, false},      {{"[::]:1", "[::1]:1"}, true},
      {{"127.0.0.1:1", "0.0.0.0:1"}, true},    {{"0.0.0.0:1", "[::1]:1"}, false},
      {{"0.0.0.0:1", "10.0.0.7:1"}, false},  // may well be another host
      {{"127.0.0.1:1", "127.0.0.2:1"}, false}, {{"unix:/a", "unix:/a"}, true},
  };
  for (const auto& [pair, loop] : cases)
    EXPECT_EQ(load_text("p.toml", one_port(pair.first, pair.second, "")).policy.has_value(), !loop)
        << pair.first << " " << pair.second;
}

TEST(Policy, RefusesReplicasThatAreNone) {
  EXPECT_EQ(errors(load_text("p.toml", one_port("127.0.0.1:1", "127.0.0.1:2",
                                                "'127.0.0.1:3', '0.0.0.0:2', '127.0.0.1:3'"))),
            (List{"4:28: replica 0.0.0.0:2 is production itself (p.toml:3)",
                  "4:41: replica 127.0.0.1:3 is listed twice"}));
  EXPECT_EQ(errors(load("mode = 'passthrough'\nreplicas = ['127.0.0.1:3']\n")),
            List{"5:12: replicas get nothing in mode \"passthrough\""});
}

TEST(Policy, ComparesQuotas) {
  EXPECT_EQ(errors(load("[buffer]\nsession = '2MiB'\nmemory = '1MiB'\n")),
            List{"5:11: buffer.session (2MiB) is larger than buffer.memory (1MiB)"});
  EXPECT_EQ(errors(load("[buffer]\nmemory = '4MiB'\n")),
            List{"5:10: buffer.session (8MiB, the default) is larger than buffer.memory (4MiB)"});
  EXPECT_EQ(errors(load("[buffer]\nspill = '9223372036854775807'\n")),
            List{"5:9: buffer.memory (256MiB, the default) and buffer.spill (8EiB) are more than "
                 "2^63-1 bytes together"});
  EXPECT_TRUE(load("[buffer]\nsession = '1MiB'\nmemory = '1MiB'\n").policy);
}

TEST(Policy, NeedsAUnitsName) {
  EXPECT_TRUE(load_text("a-b.toml", port).policy);
  const Loaded loaded = load_text("dir/a b.toml", port);
  EXPECT_FALSE(loaded.policy);
  EXPECT_EQ(config::format_diagnostics(loaded.diagnostics),
            "dir/a b.toml: error: 'a b' cannot name an instance: only ASCII letters, digits and "
            "\":-_.\\\" can be part of a unit's name\n");
}

}  // namespace
}  // namespace parikshan::policy
