#include "ctl/render.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "ctl/command.h"
#include "ctl/command_line.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/hexdump.h"
#include "ctl/table.h"
#include "stub_source.h"

namespace parikshan::ctl {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RenderTest, NothingThatSteersATerminalGetsThrough) {
  EXPECT_EQ(printable("plain ~ \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "plain ~ \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("a\x1b[2J\r\n\tb\x7f"), "a\\x1b[2J\\r\\n\\tb\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");
  EXPECT_EQ(printable("\xff\xc0\xaf"), "\\xff\\xc0\\xaf");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(clipped("h\xc3\xa9llo", 2), "h\xc3\xa9");
  EXPECT_EQ(clipped("hi", 5), "hi");
  EXPECT_EQ(width_of("h\xc3\xa9llo"), 5U);
}

TEST(RenderTest, EveryViewEscapesWhatItWasTold) {
  test::StubSource source;
  const std::string evil = "x\x1b[31m\a\n";
  auto& status = source.snapshot;
  status.name = status.reason = status.policy_source = status.not_accepting_why = evil;
  status.accepting = false;
  status.ports[0].listen = status.ports[0].production = status.ports[0].mode = evil;
  status.replicas[0].address = status.replicas[0].reason = evil;
  status.buffer.spill_problem = evil;
  auto& entry = source.entries[0];
  entry.client = entry.replica = entry.listen = entry.lost_why = evil;
  auto& difference = source.difference;
  difference.client = difference.listen = difference.replica = difference.why = evil;
  difference.production = evil;
  source.window.replica = source.window.listen = evil;
  const TopFrame frame{status, {source.window}};
  for (const std::string& text :
       {render_status(status), render_ledger({source.entries, true, status.replicas}),
        render_differences({difference}, true), render_windows({source.window}),
        render_top(frame, nullptr, 200, 50), render_top_line(frame, nullptr),
        render_list({{evil, true, true, evil, 1, 2, evil}})}) {
    EXPECT_TRUE(has(text, "x\\x1b[31m\\x07\\n")) << text;
    for (const char c : text)
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  }
}

TEST(RenderTest, TablesAlign) {
  Table table({{"NAME"}, {"N", true}});
  table.add({"\xc3\xa9", "1"});
  table.add({"longer", "1000"});
  EXPECT_EQ(table.text(), "NAME       N\n\xc3\xa9          1\nlonger  1000\n");
}

TEST(RenderTest, StatusBeginsWithStateAndReason) {
  test::StubSource source;
  const std::string text = render_status(source.snapshot);
  const auto lines = lines_of(text);
  EXPECT_EQ(lines.at(0), "mysql: overflowed: session 7 lost byte 4096");
  EXPECT_EQ(lines.at(1), "Up 2min 6s, pid 4711, policy /etc/parikshan.d/mysql.toml");
  EXPECT_EQ(lines.at(2), "Now 2KiB/s from clients, 4KiB/s to clients");
  EXPECT_TRUE(has(text,
                  "127.0.0.1:6380: overflowed: session 7 lost byte 4096 (0 sessions "
                  "diverged, 1 lost)\n"));
  EXPECT_TRUE(has(text,
                  "Buffer: 1MiB of 256MiB memory (2MiB resident, 17 chunks), 8KiB of 4GiB "
                  "spilled\n"));
  EXPECT_TRUE(has(text, "Descriptors: 40 of 1024\n"));
  source.snapshot.accepting = false;
  source.snapshot.not_accepting_why = "out of descriptors";
  source.snapshot.buffer.spill_problem = "No space left on device";
  const std::string worse = render_status(source.snapshot);
  EXPECT_TRUE(has(worse, "Not accepting: out of descriptors\n"));
  EXPECT_TRUE(has(worse, "Spilling is off: No space left on device\n"));
}

TEST(RenderTest, LedgerAddsUp) {
  test::StubSource source;
  const Ledger ledger{source.entries, true, source.snapshot.replicas};
  const std::string text = render_ledger(ledger);
  const std::regex sums(R"( (\d+)  =  +(\d+)  \+  +(\d+)  \+  +(\d+) )");
  int rows = 0;
  for (std::string line : lines_of(text)) {
    line += ' ';
    for (std::sregex_iterator it(line.begin(), line.end(), sums), end; it != end; ++it, ++rows) {
      const auto number = [&](int i) { return std::stoull((*it)[static_cast<std::size_t>(i)]); };
      EXPECT_EQ(number(1), number(2) + number(3) + number(4)) << line;
    }
  }
  EXPECT_EQ(rows, 8) << text;  // two sums each of: the session, these, others, all
  EXPECT_TRUE(std::regex_search(text, std::regex("these sessions +4900 ")));
  EXPECT_TRUE(std::regex_search(text, std::regex("other sessions +100 ")));
  EXPECT_TRUE(std::regex_search(text, std::regex("all sessions +5000 ")));
  EXPECT_TRUE(has(text,
                  "lost from byte 4096: the session's quota of 8MiB was full; identical up "
                  "to byte 500\n"));
  EXPECT_FALSE(has(render_ledger({{}, true, {}}), "More sessions"));
  EXPECT_TRUE(has(render_ledger({{}, false, {}}), "More sessions"));
}

TEST(RenderTest, LedgerNeverShowsNegativeRemainders) {
  test::StubSource source;
  source.entries[0].due = 6000;
  source.entries[0].pending += 1100;
  const std::string text = render_ledger({source.entries, true, source.snapshot.replicas});
  EXPECT_FALSE(has(text, "other sessions"));
  EXPECT_TRUE(has(text, "a moment younger"));
}

TEST(RenderTest, HexdumpAlignsAndMarks) {
  EXPECT_EQ(hexdump({"+OK\n\xff\x01 one", 16}, {"+OK\n\xff\x02 one", 16}),
            "- 00000010  2b 4f 4b 0a ff 01 20 6f 6e 65                    |+OK... one      |\n"
            "+ 00000010  2b 4f 4b 0a ff 02 20 6f 6e 65                    |+OK... one      |\n"
            "                           ^^\n");
  // Rows stand at multiples of 16; equal ones stand once; a missing byte differs.
  EXPECT_EQ(hexdump({"0123456789abcdef!", 14}, {"0123456789abcdef", 20}),
            "  0000000e                                            30 31  |              01|\n"
            "- 00000010  32 33 34 35 36 37 38 39 61 62 63 64 65 66 21     |23456789abcdef! |\n"
            "+ 00000016  32 33 34 35 36 37 38 39 61 62 63 64 65 66        |23456789abcdef  |\n"
            "                                                      ^^\n");
  EXPECT_EQ(hexdump({"", 0}, {"", 0}), "");
  const std::string wide = hexdump({std::string(64, 'x'), 5}, {std::string(64, 'y'), 5});
  for (const std::string& line : lines_of(wide))
    EXPECT_LE(line.size(), 79U) << line;
}

TEST(RenderTest, DifferencesShowBothSides) {
  test::StubSource source;
  const std::string text = render_differences({source.difference}, true);
  EXPECT_TRUE(has(text,
                  "differ from byte 20 of production's, byte 20 of the replica's: the bytes "
                  "differ\n"));
  EXPECT_TRUE(has(text, "- production, 10 bytes from offset 16\n"));
  EXPECT_TRUE(has(text, "- +OK\\n\n- \\xff\\x01 one\n+ +OK\\n\n+ \\xff\\x02 one\n"));
  EXPECT_TRUE(has(text, "+ 00000010  2b 4f 4b 0a ff 02"));
  EXPECT_EQ(render_differences({}, true), "No difference was found.\n");
  // More context than there are bytes before the offset is no reason to go below 0.
  source.difference.context_before = 1000;
  EXPECT_TRUE(has(render_differences({source.difference}, false), "from offset 0\n"));
}

TEST(RenderTest, WindowsAndPlans) {
  test::StubSource source;
  const std::string text = render_windows({source.window});
  EXPECT_TRUE(has(text, "in 2min 5s\n")) << text;
  source.window.unbounded = true;
  EXPECT_TRUE(has(render_windows({source.window}), "never\n"));
  const window::PlanInput input{17, 27, 3.2, 16384, 1024};
  const std::string plan = render_plan(input, {false, 2.5, 2.0148, 16});
  EXPECT_TRUE(has(plan,
                  "Clients send 17/s, production can serve 27/s, a replica that is 3.2 times "
                  "slower 8.438/s.\n"))
      << plan;
  EXPECT_TRUE(has(plan, "Debug window: 2.5s expected until overflow.\n")) << plan;
  EXPECT_TRUE(has(render_plan(input, {true, 0, 0.2, 16}), "unbounded"));
}

TEST(RenderTest, TopShowsRatesAndFits) {
  test::StubSource source;
  TopFrame before{source.snapshot, {source.window}};
  TopFrame now = before;
  now.status.uptime += 2;
  now.status.ports[0].sessions_total += 10;
  now.status.ports[0].client_to_production += 4096;
  const std::string text = render_top(now, &before, 300, 100);
  EXPECT_TRUE(std::regex_search(text, std::regex("5/s +2KiB/s +0B/s"))) << text;
  EXPECT_TRUE(has(text, "mysql: overflowed: session 7 lost byte 4096\n"));
  EXPECT_TRUE(has(text, "2min 5s"));
  for (const std::size_t rows : {1U, 3U, 10U}) {
    const auto lines = lines_of(render_top(now, &before, 20, rows));
    EXPECT_LE(lines.size(), rows);
    for (const std::string& line : lines)
      EXPECT_LE(width_of(line), 20U);
  }
  EXPECT_EQ(render_top(now, &before, 80, 0), "");
  // An instance that began anew counts from 0: no rate, rather than a huge one.
  now.status.uptime = 1;
  now.status.ports[0].sessions_total = 0;
  EXPECT_TRUE(has(render_top_line(now, &before), " new 0/s "));
  EXPECT_TRUE(has(render_top_line(now, nullptr), "mysql overflowed sessions 3 "));
}

TEST(RenderTest, Figures) {
  EXPECT_EQ(seconds_text(125.4), "2min 5s");
  EXPECT_EQ(seconds_text(0.0125), "13ms");
  EXPECT_EQ(seconds_text(-1), "0s");
  EXPECT_EQ(seconds_text(1e300), "centuries");
  EXPECT_EQ(byte_rate(1e300), byte_rate(4.6e18));
  EXPECT_EQ(byte_rate(-5), "0B/s");
  EXPECT_EQ(plural(1, "session"), "1 session");
  EXPECT_EQ(plural(0, "session"), "0 sessions");
}

TEST(RenderTest, CommandLines) {
  const auto line =
      parse_command_line({"--json", "--runtime-directory", "/x", "ledger", "mysql", "--limit=5"});
  ASSERT_TRUE(line.ok()) << line.error().text();
  EXPECT_TRUE(line->json);
  EXPECT_EQ(line->runtime_directory, "/x");
  EXPECT_EQ(line->command, "ledger");
  EXPECT_EQ(line->arguments, std::vector<std::string>{"mysql"});
  EXPECT_EQ(line->limit, 5U);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"status", "--limit", "5"},
                                             {"ledger", "--limit", "five"},
                                             {"ledger", "--limit"},
                                             {"ledger", "--limit=-1"},
                                             {"--jso", "list"},
                                             {"--json=yes", "list"},
                                             {"--nothing"}})
    EXPECT_FALSE(parse_command_line(wrong).ok()) << wrong.front();
}

TEST(RenderTest, ExitStatuses) {
  EXPECT_EQ(run({"--help"}).code, 0);
  EXPECT_EQ(run({"--version"}).output, "parikshanctl " PARIKSHAN_VERSION "\n");
  EXPECT_EQ(run({}).code, exit_usage);
  EXPECT_EQ(run({"dance"}).code, exit_usage);
  EXPECT_EQ(run({"status", "a", "b"}).code, exit_usage);
  EXPECT_EQ(run({"cat-config"}).code, exit_usage);
  EXPECT_EQ(run({"detach"}).code, exit_usage);
  EXPECT_EQ(run({"window", "--arrival", "17/s"}).code, exit_usage);
  EXPECT_EQ(run({"window", "--arrival", "17", "--service", "27/s", "--slowdown", "3.2", "--buffer",
                 "16KiB"})
                .code,
            exit_usage);
  EXPECT_EQ(run({"top", "--period", "1ms"}).code, exit_usage);
  const Answer absent = run({"--runtime-directory", "/nonexistent", "status", "mysql"});
  EXPECT_EQ(absent.code, exit_not_running);
  EXPECT_TRUE(has(absent.error, "parikshanctl list"));
  EXPECT_EQ(run({"--runtime-directory", "/nonexistent", "status"}).code, exit_not_running);
  EXPECT_EQ(run({"status", "../../etc"}).code, exit_failed);
  EXPECT_EQ(run({"--config-root", "/nonexistent", "cat-config", "mysql"}).code,
            exit_policy_invalid);
  EXPECT_EQ(failure(Error{"x", EACCES}).code, exit_denied);
  EXPECT_EQ(failure(Error{"x"}).code, exit_failed);
  const Answer plan = run({"window", "--arrival", "17/s", "--service", "27/s", "--slowdown", "3.2",
                           "--buffer", "16KiB"});
  EXPECT_EQ(plan.code, exit_ok) << plan.error;
  EXPECT_TRUE(has(plan.output, "holds 16 messages"));
}

std::string content_of(const std::string& name) {
#ifdef PARIKSHAN_SOURCE_ROOT
  const std::filesystem::path root = PARIKSHAN_SOURCE_ROOT;
#else
  const std::filesystem::path root = std::filesystem::path(__FILE__).parent_path() / ".." / "..";
#endif
  std::ifstream file(root / name);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(RenderTest, ManPageHasEveryCommandOptionAndExitStatus) {
  std::string page = content_of("packaging/man/parikshanctl.1");
  ASSERT_FALSE(page.empty());
  std::set<std::string> documented;
  const auto section = [&](const char* from, const char* to) {
    const auto begin = page.find(std::string(".SH ") + from + "\n");
    return page.substr(begin, page.find(std::string(".SH ") + to + "\n") - begin);
  };
  const std::regex command(R"(\n\.TP\n(?:\.B |\\fB)([a-z-]+))");
  const std::string commands_section = section("COMMANDS", "OPTIONS");
  for (std::sregex_iterator it(commands_section.begin(), commands_section.end(), command), end;
       it != end; ++it)
    documented.insert((*it)[1]);
  std::set<std::string> known;
  for (const Command& one : commands())
    known.emplace(one.name);
  EXPECT_EQ(documented, known);

  documented.clear();
  known.clear();
  const std::string options_section =
      std::regex_replace(section("OPTIONS", "EXIT STATUS"), std::regex(R"(\\-)"), "-");
  const std::regex option(R"(\n\.TP\n\.(?:B|BI|BR) --([a-z-]+)(?: " ([A-Z]+)\")?)");
  for (std::sregex_iterator it(options_section.begin(), options_section.end(), option), end;
       it != end; ++it)
    documented.insert((*it)[1].str() + ' ' + (*it)[2].str());
  for (const Option& one : options())
    known.insert(std::string(one.name) + ' ' + std::string(one.argument));
  EXPECT_EQ(documented, known);

  documented.clear();
  const std::string exits = section("EXIT STATUS", "CONTROL SOCKET");
  const std::regex status(R"(\n\.TP\n\.B (\d+)\n)");
  for (std::sregex_iterator it(exits.begin(), exits.end(), status), end; it != end; ++it)
    documented.insert((*it)[1]);
  EXPECT_EQ(documented, (std::set<std::string>{"0", "1", "2", "3", "4", "5", "78"}));
}

TEST(RenderTest, CompletionHasEveryCommandAndOption) {
  const std::string completion = content_of("packaging/completion/parikshanctl");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(completion, match, std::regex(R"rx(commands="([^"]*)")rx")));
  std::string names;
  for (const Command& one : commands())
    names += (names.empty() ? "" : " ") + std::string(one.name);
  EXPECT_EQ(match[1], names);
  for (const Option& one : options()) {
    const std::string name = "--" + std::string(one.name);
    for (const std::string_view taker : one.commands) {
      const std::regex offered("\n    (?:[a-z-]+ \\| )*" + std::string(taker) +
                               R"re((?: \| [a-z-]+)*\) options\+="[^"\n]*)re" + name + R"([ "])");
      EXPECT_TRUE(std::regex_search(completion, offered)) << taker << ' ' << name;
    }
    if (one.commands.empty()) {
      const std::regex offered("local options=\"[^\"]*" + name + "[ \"]");
      EXPECT_TRUE(std::regex_search(completion, offered)) << name;
    }
  }
}

}  // namespace
}  // namespace parikshan::ctl
