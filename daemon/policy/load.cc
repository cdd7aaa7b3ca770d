#include "policy/load.h"

#include <utility>

#include "config/check.h"
#include "config/document.h"
#include "policy/build.h"

namespace parikshan::policy {
namespace {

/// Lays files on each other as they come; finish() makes the policy of what they amount to.
class Layers {
 public:
  void add(const config::SourcePointer& source) {
    loaded_.sources.push_back(source->path());
    if (!first_.file)
      first_ = config::Location{source, 1, 1};
    auto document = config::parse_document(source, loaded_.diagnostics);
    if (!document) {
      complete_ = false;
      return;
    }
    config::check_document(*document, address_problem, loaded_.diagnostics);
    config::merge(loaded_.merged, std::move(*document));
  }

  void add_file(const std::string& path, config::Trust trust) {
    const auto source = config::read_source(path, trust);
    if (source)
      return add(*source);
    loaded_.sources.push_back(path);
    loaded_.diagnostics.push_back({config::whole_file(path), source.error().text(), ""});
    complete_ = false;
  }

  config::Diagnostics& diagnostics() { return loaded_.diagnostics; }

  Loaded finish(std::string_view name) {
    // With a file missing, "no [[duplicate]]" and the like would be guesses.
    if (complete_ && first_.file) {
      Policy policy = build(name, loaded_.merged, first_, loaded_.diagnostics);
      if (loaded_.diagnostics.empty())
        loaded_.policy = std::move(policy);
    }
    config::sort_diagnostics(loaded_.diagnostics);
    return std::move(loaded_);
  }

 private:
  Loaded loaded_;
  config::Location first_;
  bool complete_ = true;
};

}  // namespace

Loaded load_name(std::string_view name, const config::Roots& roots) {
  Layers layers;
  const config::Trust trust = config::trust_of_process();
  for (const std::string& path : config::find_policy(name, roots, trust, layers.diagnostics()))
    layers.add_file(path, trust);
  return layers.finish(name);
}

Loaded load_file(const std::string& path) {
  Layers layers;
  const config::Trust trust = config::trust_of_process();
  for (const std::string& file : config::find_policy_file(path, trust, layers.diagnostics()))
    layers.add_file(file, trust);
  return layers.finish(config::instance_name_of(path));
}

Loaded load_text(std::string_view path, std::string_view text) {
  Layers layers;
  const std::string name = config::instance_name_of(path);
  if (auto why = config::invalid_instance_name(name))
    layers.diagnostics().push_back({config::whole_file(std::string(path)),
                                    "'" + name + "' cannot name an instance: " + *why, ""});
  layers.add(std::make_shared<const config::SourceFile>(std::string(path), std::string(text)));
  return layers.finish(name);
}

std::string cat_config(const Loaded& loaded) {
  std::string out;
  for (const std::string& source : loaded.sources)
    out += "# " + config::whole_file(source).text() + "\n";
  return out + config::render(loaded.merged);
}

}  // namespace parikshan::policy
