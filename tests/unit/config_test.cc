#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config/document.h"
#include "config/keys.h"
#include "config/search.h"
#include "config/utf8.h"

namespace parikshan::config {
namespace {

SourcePointer source(std::string text, std::string path = "p.toml") {
  return std::make_shared<const SourceFile>(std::move(path), std::move(text));
}

Value parsed(std::string text, std::string path = "p.toml") {
  Diagnostics diagnostics;
  auto value = parse_document(source(std::move(text), std::move(path)), diagnostics);
  EXPECT_TRUE(value) << format_diagnostics(diagnostics);
  return value ? *value : Value{};
}

std::string refused(std::string text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_document(source(std::move(text)), diagnostics));
  EXPECT_EQ(diagnostics.size(), 1U);
  return format_diagnostics(diagnostics);
}

TEST(Document, KeepsPositionsOfKeysAndValues) {
  const Value root = parsed("a = 1\n\n[t]\n  b.c = [\n    'x', 2.5 ]\n[[d]]\nq = {z = true}\n");
  const Entry* a = root.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->location.text(), "p.toml:1");
  EXPECT_EQ(a->location.column, 1U);
  EXPECT_EQ(a->value.location.column, 5U);
  EXPECT_EQ(a->value.integer, 1);
  const Entry* t = root.find("t");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->location.line, 3U);
  EXPECT_EQ(t->location.column, 2U);
  const Entry* c = t->value.find("b")->value.find("c");
  EXPECT_EQ(c->location.line, 4U);
  EXPECT_EQ(c->location.column, 5U);
  ASSERT_EQ(c->value.items.size(), 2U);
  EXPECT_EQ(c->value.items[0].text, "x");
  EXPECT_EQ(c->value.items[0].location.line, 5U);
  EXPECT_EQ(c->value.items[1].location.column, 10U);
  EXPECT_DOUBLE_EQ(c->value.items[1].number, 2.5);
  const Entry* d = root.find("d");
  ASSERT_TRUE(d->value.is_array_of_tables());
  EXPECT_EQ(d->value.items[0].location.line, 6U);
  EXPECT_TRUE(d->value.items[0].find("q")->value.find("z")->value.boolean);
}

TEST(Document, KeepsTheOrderOfTheFile) {
  const Value root = parsed("z = 1\nm = 2\na = 3\n");
  ASSERT_EQ(root.entries.size(), 3U);
  EXPECT_EQ(root.entries[0].key, "z");
  EXPECT_EQ(root.entries[1].key, "m");
  EXPECT_EQ(root.entries[2].key, "a");
}

TEST(Document, ReportsSyntaxWithTheLineAndACaret) {
  EXPECT_EQ(refused("a = 1\n\tb = = 2\n"),
            "p.toml:2:6: error: invalid TOML: could not determine value type (in a value)\n"
            "  \tb = = 2\n"
            "  \t    ^\n");
  EXPECT_NE(refused("a = 1\na = 2\n").find("p.toml:2:5: error: invalid TOML: cannot redefine"),
            std::string::npos);
  EXPECT_NE(refused("[t\n").find("p.toml:1:3: error:"), std::string::npos);
}

TEST(Document, RefusesWhatIsNotUtf8) {
  // The column counts characters: é is one of them.
  EXPECT_EQ(refused("a = 1\n# é \xff\xfe\n"),
            "p.toml:2:5: error: not UTF-8 text\n  # é ??\n      ^\n");
  EXPECT_NE(refused("a = '\xed\xa0\x80'").find("p.toml:1:6: error: not UTF-8"), std::string::npos);
}

TEST(Document, AllowsOtherLettersInStringsAndCommentsOnly) {
  EXPECT_EQ(refused("a = 1\n\xc7\xa7 = 2\n"),
            "p.toml:2:1: error: invalid TOML: a character outside of ASCII must be in quotes\n"
            "  \xc7\xa7 = 2\n  ^\n");
  // U+00A0 and the like are no white space of TOML.
  EXPECT_NE(refused("a =\xc2\xa0"
                    "1\n")
                .find("1:4: error: invalid TOML: a char"),
            std::string::npos);
  // The first error is the one reported.
  EXPECT_NE(refused("a = 'it's é'\n").find("p.toml:1:9: error: invalid TOML:"), std::string::npos);
  EXPECT_NE(refused("a = 1979-05-27T07:32\"é\"\n").find("1:21: error: invalid TOML: a quote where"),
            std::string::npos);
  parsed("# é\n'é' = \"é\"\n\"ü\" = \"\"\"é\"\"\"\n");
  EXPECT_NE(parsed("\xEF\xBB\xBF"
                   "a = 1\n")
                .find("a"),
            nullptr);
}

TEST(Document, BoundsNesting) {
  const std::string limit = std::to_string(deepest_nesting);
  std::string dotted = "a";
  for (unsigned i = 1; i < deepest_nesting; ++i)
    dotted += ".a";
  parsed(dotted + " = 1\n");
  EXPECT_NE(refused(dotted + ".a = 1\n").find("1:32: error: a key of more than " + limit),
            std::string::npos);
  EXPECT_NE(refused("[" + dotted + ".a]\n").find("1:33: error: a key of more"), std::string::npos);
  EXPECT_NE(refused("a = " + std::string(20, '[') + std::string(20, ']')).find("nested more than"),
            std::string::npos);
  EXPECT_NE(refused("a = " + std::string(5000, '[')).find("invalid TOML"), std::string::npos);
  std::string megabyte = "a";
  while (megabyte.size() < largest_source - 10)
    megabyte += ".a";
  EXPECT_NE(refused(megabyte + "=1").find("a key of more than"), std::string::npos);
}

TEST(Document, DoesNotCountDotsInStringsAndComments) {
  const std::string dots(100, '.');
  parsed("# " + dots + "\na = '" + dots + "'\nb = \"\\\"" + dots + "\"\nc = '''\n'" + dots +
         "'''\nd = \"\"\"" + dots + "\"\"\"\"\n'" + dots + "' = 1.5\n");
}

TEST(Document, BoundsTheNumberOfValues) {
  std::string text = "a = [";
  for (std::size_t i = 0; i < most_values; ++i)
    text += "1,\n";
  EXPECT_NE(refused(text + "]").find("more than 10000 values in one file"), std::string::npos);
}

TEST(Diagnostic, ShowsNothingThatATerminalWouldObey) {
  const auto file = source("a = '\x1b[2J\xc2\x9b'\n");
  const Diagnostic d{Location{file, 1, 6}, "bad '\x1b[2J\n\xff'", ""};
  EXPECT_EQ(d.text(), "p.toml:1:6: error: bad '\\x1b[2J\\n\\xff'\n  a = '?[2J?'\n       ^\n");
}

TEST(Diagnostic, CutsLongLinesAroundTheCaret) {
  const auto file = source(std::string(5000, 'x') + "!" + std::string(5000, 'y'));
  const std::string text = Diagnostic{Location{file, 1, 5001}, "here", ""}.text();
  EXPECT_LT(text.size(), 500U);
  const auto lines_from = text.find('\n') + 1;
  const std::string shown = text.substr(lines_from, text.find('\n', lines_from) - lines_from);
  const std::string caret = text.substr(lines_from + shown.size() + 1);
  // The ellipsis in front is three bytes and one column.
  EXPECT_EQ(shown.find('!') - 2, caret.find('^'));
}

TEST(Diagnostic, SortsByPositionAndSaysThingsOnce) {
  const auto file = source("x\ny\n");
  Diagnostics list{{Location{file, 2, 1}, "c", ""},
                   {Location{file, 1, 9}, "b", ""},
                   {Location{file, 1, 2}, "a", ""},
                   {Location{file, 2, 1}, "c", ""}};
  sort_diagnostics(list);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].message + list[1].message + list[2].message, "abc");
}

TEST(Merge, LaysTablesOnEachOther) {
  Value base = parsed("s = 1\n[t]\na = 1\nb = [1, 2]\n[[d]]\nn = 1\n", "base");
  merge(base, parsed("s = 'x'\n[t]\nb = [3]\nc = 4\n[[d]]\nn = 2\n[u]\n", "over"));
  EXPECT_EQ(render(base),
            "s = \"x\"  # from over:1\n"
            "\n[t]  # from base:2\n"
            "a = 1  # from base:3\n"
            "b = [3]  # from over:3\n"
            "c = 4  # from over:4\n"
            "\n[[d]]  # from base:5\n"
            "n = 1  # from base:6\n"
            "\n[[d]]  # from over:5\n"
            "n = 2  # from over:6\n"
            "\n[u]  # from over:7\n");
}

TEST(Merge, AnEmptyArrayDiscardsTables) {
  Value base = parsed("[[d]]\nn = 1\n");
  merge(base, parsed("d = []\n"));
  EXPECT_EQ(base.find("d")->value.items.size(), 0U);
  merge(base, parsed("[[d]]\nn = 2\n"));
  ASSERT_EQ(base.find("d")->value.items.size(), 1U);
  EXPECT_EQ(base.find("d")->value.items[0].find("n")->value.integer, 2);
}

TEST(Render, IsTomlOfTheSameValues) {
  const Value once = parsed(
      "'a b' = \"q\\\"\\\\ \\t\\n\\u0001 é\"\nf = 1.0\ni = -7\nn = [nan, -inf, 1e300]\n"
      "d = 2020-01-02T03:04:05Z\nt = {x = [{y = 1}, 2], z = {}}\n[s.'u.v']\nk = true\n");
  const std::string text = render(once);
  const Value twice = parsed(text);
  std::string again = render(twice);
  // Only the origins may differ.
  const auto strip = [](std::string s) {
    for (auto at = s.find("  # from "); at != std::string::npos; at = s.find("  # from "))
      s.erase(at, s.find('\n', at) - at);
    return s;
  };
  EXPECT_EQ(strip(text), strip(again));
  EXPECT_EQ(twice.find("a b")->value.text, "q\"\\ \t\n\x01 é");
  EXPECT_EQ(twice.find("f")->value.kind, Kind::number);
  EXPECT_EQ(twice.find("d")->value.kind, Kind::date_time);
}

TEST(Utf8, TellsCharactersFromBytes) {
  EXPECT_EQ(find_invalid_utf8("aé€😀"), std::string_view::npos);
  for (const char* bad : {"\x80", "\xc1\x81", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82"})
    EXPECT_EQ(find_invalid_utf8(bad), 0U);
}

TEST(InstanceName, FollowsUnitNames) {
  for (const char* good : {"redis", "a", "db:1", "my-db_2.x", "a\\x2d", "A"})
    EXPECT_FALSE(invalid_instance_name(good)) << good;
  EXPECT_FALSE(invalid_instance_name(std::string(200, 'a')));
  for (const char* bad : {"", ".hidden", "a b", "a/b", "../x", "a@b", "é", "a\n"})
    EXPECT_TRUE(invalid_instance_name(bad)) << bad;
  EXPECT_TRUE(invalid_instance_name(std::string(201, 'a')));
  EXPECT_EQ(instance_name_of("/etc/parikshan.d/redis.toml"), "redis");
  EXPECT_EQ(instance_name_of("redis"), "redis");
}

TEST(Keys, SuggestsWhatWasMeant) {
  EXPECT_EQ(suggest_key("buffer", "sesion"), "did you mean 'session'?");
  EXPECT_EQ(suggest_key("buffer", "listen"), "'listen' belongs in [[duplicate]]");
  EXPECT_EQ(suggest_key("buffer", "zzzzzzzz"), "");
  EXPECT_EQ(suggest_section("duplicates"), "did you mean [[duplicate]]?");
  EXPECT_EQ(suggest_section("bufer"), "did you mean [buffer]?");
  EXPECT_EQ(suggest_section(std::string(100000, 'b')), "");
}

TEST(Trust, RootsPolicyIsRootsAlone) {
  struct stat status {};
  status.st_mode = S_IFREG | 0644;
  EXPECT_FALSE(writable_by_others(status));
  status.st_mode = S_IFREG | 0664;
  EXPECT_NE(writable_by_others(status)->find("mode 0664"), std::string::npos);
  status.st_mode = S_IFREG | 0602;
  EXPECT_TRUE(writable_by_others(status));
  status.st_mode = S_IFDIR | 01777;
  EXPECT_FALSE(writable_by_others(status));
  status.st_mode = S_IFREG | 01666;  // sticky means nothing on a file
  EXPECT_TRUE(writable_by_others(status));
  status.st_mode = S_IFREG | 0600;
  status.st_uid = 1000;
  EXPECT_NE(writable_by_others(status)->find("user 1000"), std::string::npos);
}

}  // namespace
}  // namespace parikshan::config
